import { createHash } from 'node:crypto'
import type { Shape } from './shape.ts'

/** What a template's key is made over: whatever a guest that goes on from it would differ by. */
export interface TemplateParts {
  /** SHA-256 of the files' contents. */
  readonly kernel: string
  readonly modules: string
  readonly inside: string
  readonly root: string
  readonly shape: Shape
  /** The VMM with its version, its accelerator and the processor that it shows. */
  readonly vmm: readonly string[]
  readonly level: 'boot'
}

/** Raised when what we make of the same parts changes: the machine's devices, what is done before it is frozen. */
const format = 1

export function templateKey(parts: TemplateParts): string {
  const { kernel, modules, inside, root, shape, vmm, level } = parts
  const canonical = [format, level, kernel, modules, inside, root, shape.memoryBytes, shape.vcpus, ...vmm]
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex')
}
