import { GloveboxError } from '../../../errors.ts'
import { formatBytes } from '../../../policy/sizes.ts'
import type { JailLimits } from '../../../protocol/jail-plan.ts'
import type { SentWorkspace } from '../../driver.ts'

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

/** The copy of a workspace is in the guest's memory. */
export const mostWorkspaceBytes: number = 2048 * mebibyte

/** Of a file, directory or link besides its contents: what is left of its last page, and what the kernel knows of it. */
const entryBytes = 6 * 1024

/** @param workspace what is sent; what a sandbox adds to it is memory of its own, as all that it writes */
export function shapeFor(
  { memory, cpus }: Pick<JailLimits, 'memory' | 'cpus'>,
  workspace?: SentWorkspace['size'],
): Shape {
  const policyBytes = Math.ceil((memory.value + overheadBytes) / stepBytes) * stepBytes
  return {
    memoryBytes: policyBytes + (workspace === undefined ? 0 : workspaceBytes(workspace)),
    vcpus: Math.ceil(cpus.value),
  }
}

/** In steps that double, so that few templates serve all workspaces. @throws GloveboxError HOST_CANNOT for one that is too large */
function workspaceBytes({ bytes, entries }: SentWorkspace['size']): number {
  const needed = bytes + entries * entryBytes
  if (needed <= mostWorkspaceBytes) return Math.max(stepBytes, 2 ** Math.ceil(Math.log2(needed)))
  throw new GloveboxError(
    'HOST_CANNOT',
    `the workspace takes ${formatBytes(needed)} of a virtual machine's memory (${entries} files and directories, ${formatBytes(bytes)}), and ${formatBytes(mostWorkspaceBytes)} is the most`,
    { fix: 'name a smaller directory, leave some of it out with workspace.exclude, or use --driver jail' },
  )
}
