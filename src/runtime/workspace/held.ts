import { closeSync, fstatSync, readSync } from 'node:fs'
import type { Change, States } from './compare.ts'
import { leadsOut, unaskedScripts, whyHostRunsIt } from './host-runs.ts'
import { nameOf, parentOf, type TreePath } from './path.ts'
import type { Reach } from './reach.ts'
import { openOwn } from './tree.ts'

/**
 * Why a change is not made without a yes: a tool of the host would run what it brings, or be led elsewhere by it. Undefined for
 * everything else.
 */
export function whyHeld(
  { path, was, is }: Change,
  sandbox: States,
  reach: { readonly host: Reach; readonly sandbox: Reach },
): string | undefined {
  if (is?.kind === 'link' && leadsOut(path, is.content)) return 'a link that leads out of the workspace'
  const [before, after] = [was?.kind === 'directory', is?.kind === 'directory']
  // A directory runs nothing, what is in it may.
  if ((after && (was === undefined || before)) || (before && is === undefined)) return undefined
  const why = whyHostRunsIt(path) ?? ofBareRepository(path, sandbox)
  if (why !== undefined || nameOf(path) !== 'package.json' || is?.kind !== 'file') return why
  if (path.split('/').includes('node_modules')) return undefined
  const [old, now] = [
    was?.kind === 'file' ? scriptsIn(reach.host, path) : unaskedScripts('{}'),
    scriptsIn(reach.sandbox, path),
  ]
  return now !== undefined && now === old ? undefined : 'a package manager runs its scripts when it installs'
}

/** A directory that looks like a repository is one to git, whatever it is called (git's "safe.bareRepository"). */
function ofBareRepository(path: TreePath, sandbox: States): string | undefined {
  const name = nameOf(path)
  const directory =
    name === 'config' ? parentOf(path) : nameOf(parentOf(path)) === 'hooks' ? parentOf(parentOf(path)) : undefined
  if (directory === undefined) return undefined
  const below = (part: string): TreePath => (directory === '' ? part : `${directory}/${part}`)
  return sandbox.has(below('HEAD')) && sandbox.has(below('objects')) ? 'git runs what it names' : undefined
}

/** A larger one is looked at by its user. */
const mostRead = 1024 ** 2

function scriptsIn(reach: Reach, path: TreePath): string | undefined {
  const fd = openOwn(reach.parent(path), nameOf(path))
  try {
    const { size } = fstatSync(fd)
    if (size > mostRead) return undefined
    const buffer = Buffer.alloc(size)
    return unaskedScripts(buffer.toString('utf8', 0, readSync(fd, buffer, 0, size, 0)))
  } finally {
    closeSync(fd)
  }
}
