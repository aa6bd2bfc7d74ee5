import { closeSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cloneFile } from '../../../system/directory.ts'
import type { Qemu } from './find.ts'

export interface CloneMemory {
  readonly path: string
  /** It is the template's own file, and this QEMU may write to it. */
  readonly isShared: boolean
}

/**
 * The file that a clone's private memory is laid over: its template's. A QEMU that wants to open it for writing gets one of its own with
 * the same blocks, where the file system has that: one that was taken over then changes nothing of what its siblings read.
 */
export function memoryOf(
  { readOnlyMemory }: Pick<Qemu, 'readOnlyMemory'>,
  template: string,
  own: string,
  shareBlocks: (from: number, to: number) => void = cloneFile,
): CloneMemory {
  if (readOnlyMemory) return { path: template, isShared: false }
  const path = join(own, 'memory')
  const from = openSync(template, 'r')
  try {
    const to = openSync(path, 'wx', 0o600)
    try {
      shareBlocks(from, to)
    } finally {
      closeSync(to)
    }
    return { path, isShared: false }
  } catch (error) {
    rmSync(path, { force: true })
    // EOPNOTSUPP, EXDEV, EINVAL, ENOTTY: whatever keeps this file system from it.
    if (!(error instanceof Error && 'syscall' in error)) throw error
    return { path: template, isShared: true }
  } finally {
    closeSync(from)
  }
}
