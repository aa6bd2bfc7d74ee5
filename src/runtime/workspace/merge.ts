import { GloveboxError } from '../../errors.ts'
import { formatBytes } from '../../policy/sizes.ts'
import type { Directory } from '../../system/directory.ts'
import { compare, type Change, type Conflict, type Outcome, type States } from './compare.ts'
import { compareContents } from './contents.ts'
import { holderOf } from './held.ts'
import type { Manifest } from './manifest.ts'
import { bytesOf, nameOf, type TreePath } from './path.ts'
import { reachFrom, type Reach } from './reach.ts'
import { takeOverChanges, type Merged, type MergeOptions } from './take-over.ts'
import { lookAt, treeLimits, type LeaveOut, type Tree } from './tree.ts'

/** What the sandbox did, found and not yet taken over. */
export interface Found {
  readonly changes: readonly Change[]
  readonly conflicts: readonly Conflict[]
  /** Of changes, also of those that are held: why somebody should say yes to them first. */
  readonly warnings: ReadonlyMap<TreePath, string>
  /** What the sandbox has made that is no file, directory or link. */
  readonly special: readonly TreePath[]
}

/** Two trees, open, and what has been found out about them. */
export interface Merge {
  readonly found: Found
  /** With those that are held where `all`. */
  apply(options: MergeOptions & { readonly all: boolean }): Promise<Merged>
  close(): void
}

/**
 * Compares three ways: what was copied in, what the host has now, what the sandbox has.
 * @throws GloveboxError FAILED for more than the host takes; nothing is changed then
 */
export async function openMerge(options: {
  /** What was copied in; or that by what the host has. */
  readonly original: Manifest | ((host: Tree) => Manifest)
  readonly host: Directory
  readonly sandbox: Directory
  /** Instead of all that is in `sandbox`. */
  readonly seen?: ((sandbox: Tree) => Tree) | undefined
  readonly leaveOut: LeaveOut
  /** What a file is called on the host until it is whole. */
  readonly beside: string
  /** How much larger the host's tree may become. */
  readonly growthBytes: number
  readonly signal: AbortSignal | undefined
}): Promise<Merge> {
  const { leaveOut, beside, signal, growthBytes } = options
  const look = { leaveOut, limits: treeLimits, signal }
  const sandboxTree = await lookAt(options.sandbox, { ...look, enter: true })
  const hostTree = await lookAt(options.host, { ...look, enter: false })
  const reach = { host: reachFrom(options.host, { own: false }), sandbox: reachFrom(options.sandbox, { own: true }) }
  const close = (): void => {
    reach.host.close()
    reach.sandbox.close()
  }
  try {
    sweep(hostTree, reach.host, beside)
    const seen = options.seen?.(sandboxTree) ?? withoutLeftOut(sandboxTree, leaveOut)
    const original = typeof options.original === 'function' ? options.original(hostTree) : options.original
    const states = await compareContents({ original, host: hostTree, sandbox: seen }, reach, signal)
    const { warnings, isHeld } = heldIn(states, reach)
    const { changes, conflicts } = compare(states, isHeld)
    const all = compare(states)
    boundGrowth(all, { original, host: hostTree, sandbox: seen }, growthBytes)
    const special = [...seen].filter(([, { kind }]) => kind === 'other').map(([path]) => path)
    return {
      found: { changes, conflicts, warnings, special },
      apply: (settings) =>
        takeOverChanges(
          settings.all ? all : { changes, conflicts },
          reach,
          { hostTree, sandboxTree: seen, beside, top: options.host },
          settings,
        ),
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}

/** What an interrupted writing left, which is nobody's. */
function sweep(tree: Map<TreePath, unknown>, host: Reach, beside: string): void {
  for (const path of tree.keys()) {
    if (nameOf(path) !== beside) continue
    host.parent(path).unlink(bytesOf(beside))
    tree.delete(path)
  }
}

/** On the host it is something in the way, in the copy it is nothing. */
function withoutLeftOut(tree: Tree, leaveOut: LeaveOut): Tree {
  return new Map([...tree].filter(([path]) => !leaveOut(path)))
}

function heldIn(
  states: { readonly host: States; readonly sandbox: States },
  reach: { readonly host: Reach; readonly sandbox: Reach },
): { warnings: Map<TreePath, string>; isHeld: (change: Change) => boolean } {
  const warnings = new Map<TreePath, string>()
  const whyHeld = holderOf(states, reach)
  return {
    warnings,
    isHeld(change) {
      const why = whyHeld(change)
      if (why !== undefined) warnings.set(change.path, why)
      return why !== undefined
    },
  }
}

/** What is kept aside of conflicts takes room as well. */
function boundGrowth(
  { changes, conflicts }: Outcome,
  { original, host, sandbox }: { original: Manifest; host: Tree; sandbox: Tree },
  most: number,
): void {
  let bytes = 0
  for (const { path, is } of [...changes, ...conflicts]) {
    if (is?.kind !== 'file') continue
    const before = Math.max(host.get(path)?.size ?? 0, original.get(path)?.size ?? 0)
    bytes += Math.max(0, (sandbox.get(path)?.size ?? 0) - before)
  }
  if (bytes <= most) return
  throw new GloveboxError(
    'FAILED',
    `the sandbox has added ${formatBytes(bytes)} to the workspace, and ${formatBytes(most)} is what disk allows: nothing was changed`,
    { fix: 'look at the copy; glovebox workspace sync ID --disk SIZE takes over more' },
  )
}
