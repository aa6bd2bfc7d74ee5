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
  readonly level: 'boot' | 'server'
  /** Of level `server`: what was started in it, with what, as `serverKey` tells it. */
  readonly server?: string
}

/** Raised when what we make of the same parts changes: the machine's devices, what is done before it is frozen. */
const format = 3

export function templateKey(parts: TemplateParts): string {
  const { kernel, modules, inside, root, shape, vmm, level, server = null } = parts
  const machine = [format, level, kernel, modules, inside, root, shape.memoryBytes, shape.vcpus, ...vmm]
  const canonical = level === 'boot' ? machine : [...machine, server]
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex')
}
