import { availableParallelism, totalmem } from 'node:os'
import { GloveboxError } from '../../../errors.ts'
import { formatBytes } from '../../../policy/sizes.ts'
import type { JailLimits } from '../../../protocol/jail-plan.ts'
import type { SentWorkspace } from '../../driver.ts'

/** How large a guest is: what its template was taken with, and every clone of it has. */
export interface Shape {
  readonly memoryBytes: number
  readonly vcpus: number
}

/** What there is of the machine that a guest is to run on. */
export interface Host {
  readonly memoryBytes: number
  readonly cpus: number
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

/**
 * @param workspace what is sent; what a sandbox adds to it is memory of its own, as all that it writes
 * @throws GloveboxError HOST_CANNOT for more memory than the machine has
 */
export function shapeFor(
  { memory, cpus }: Pick<JailLimits, 'memory' | 'cpus'>,
  workspace?: SentWorkspace['size'],
  host: Host = { memoryBytes: totalmem(), cpus: availableParallelism() },
): Shape {
  const policyBytes = Math.ceil((memory.value + overheadBytes) / stepBytes) * stepBytes
  const memoryBytes = policyBytes + (workspace === undefined ? 0 : workspaceBytes(workspace))
  if (memoryBytes > host.memoryBytes) throw tooLarge(memoryBytes, host)
  // More than there are would wait for each other; as many as that are no more than what the policy allows.
  return { memoryBytes, vcpus: Math.min(Math.ceil(cpus.value), host.cpus) }
}

/** A VMM would find out in the middle of a boot, or take what the rest of the machine needs. */
function tooLarge(memoryBytes: number, host: Host): GloveboxError {
  return new GloveboxError(
    'HOST_CANNOT',
    `a virtual machine of ${formatBytes(memoryBytes)} does not fit into this machine, which has ${formatBytes(host.memoryBytes)}`,
    { fix: 'ask for less memory (limits.memory, --memory), or use --driver jail, where it is a limit alone' },
  )
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
