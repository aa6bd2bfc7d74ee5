import type { JailLimits } from '../../../protocol/jail-plan.ts'

/** How large a guest is: what its template was taken with, and every clone of it has. */
export interface Shape {
  readonly memoryBytes: number
  readonly vcpus: number
}

const mebibyte = 1024 ** 2

/** What a guest's kernel, the inside and its caches take besides the memory that a policy grants (docs/microvm.md has figures). */
const overheadBytes = 96 * mebibyte

/** Sizes come in steps, so that policies that differ little share a template. */
const stepBytes = 64 * mebibyte

export function shapeFor({ memory, cpus }: Pick<JailLimits, 'memory' | 'cpus'>): Shape {
  return {
    memoryBytes: Math.ceil((memory.value + overheadBytes) / stepBytes) * stepBytes,
    vcpus: Math.ceil(cpus.value),
  }
}
