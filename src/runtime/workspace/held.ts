import { closeSync, fstatSync, readlinkSync, readSync } from 'node:fs'
import { hasCode } from '../../system/error-code.ts'
import type { Change, States } from './compare.ts'
import { leadsOut, whyHostRunsIt } from './host-runs.ts'
import { actsTheSame } from './install-runs.ts'
import { isBelow, ledTo } from './led-to.ts'
import { lookAlikesIn } from './look-alike.ts'
import { bytesOf, folded, nameOf, type TreePath } from './path.ts'
import type { Reach } from './reach.ts'
import { openOwn } from './tree.ts'

/**
 * Why a change is not made without a yes: a tool of the host would run what it brings, or be led elsewhere by it. Undefined for
 * everything else.
 */
export type WhyHeld = (change: Change) => string | undefined

export function holderOf(
  { host, sandbox }: { readonly host: States; readonly sandbox: States },
  reach: { readonly host: Reach; readonly sandbox: Reach },
): WhyHeld {
  const lookAlikes = lookAlikesIn([host, sandbox])
  const led = ledTo(host, {
    isRun: (path) => whyHostRunsIt(path) !== undefined || isPackage(path),
    read: (path) => readHost(reach.host, path),
    top: readlinkSync(`/proc/self/fd/${reach.host.directory('').fd}`, { encoding: 'latin1' }),
  })

  return ({ path, was, is }) => {
    if (is?.kind === 'link' && leadsOut(path, is.content)) return 'a link that leads out of the workspace'
    const [before, after] = [was?.kind === 'directory', is?.kind === 'directory']
    // A directory runs nothing, what is in it may; but it may be what was missing of a repository.
    if (after && was === undefined) return lookAlikes.why(path, is)
    if (before && (after || is === undefined)) return undefined
    const why = whyHostRunsIt(path) ?? lookAlikes.why(path, is)
    if (why !== undefined) return why
    if (isBelow(path, led)) return 'a tool of yours is set to run it'
    if (!isPackage(path) || is === undefined) return undefined
    const [old, now] = [
      was?.kind === 'file' ? readHost(reach.host, path) : '{}',
      is.kind === 'file' ? readOwn(reach.sandbox, path) : undefined,
    ]
    if (old !== undefined && now !== undefined && actsTheSame(old, now)) return undefined
    return 'a package manager, or a hook, acts on what it has changed in it'
  }
}

function isPackage(path: TreePath): boolean {
  const parts = folded(path).split('/')
  return parts.at(-1) === 'package.json' && !parts.includes('node_modules')
}

/** A larger one is looked at by its user. */
const mostRead = 1024 ** 2

function readOwn(reach: Reach, path: TreePath): string | undefined {
  return readAndClose(openOwn(reach.parent(path), nameOf(path)))
}

/** Undefined too for what is not ours to read, or has gone meanwhile. */
function readHost(reach: Reach, path: TreePath): string | undefined {
  try {
    return readAndClose(reach.parent(path).open(bytesOf(nameOf(path))))
  } catch (error) {
    if (hasCode(error, 'EACCES', 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined
    throw error
  }
}

/** One character for each byte, as paths are. */
function readAndClose(fd: number): string | undefined {
  try {
    const { size } = fstatSync(fd)
    if (size > mostRead) return undefined
    const buffer = Buffer.alloc(size)
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, size, 0))
  } finally {
    closeSync(fd)
  }
}
