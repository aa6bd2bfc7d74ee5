import { closeSync, fstatSync, type Stats } from 'node:fs'
import { GloveboxError } from '../../errors.ts'
import type { Directory } from '../../system/directory.ts'
import { hasCode } from '../../system/error-code.ts'
import { createLeftOut } from '../copy/left-out.ts'
import { copyFile, copyTools } from './copy-file.ts'
import { hashOf } from './hash-file.ts'
import type { Original } from './manifest.ts'
import { bytesOf, joined, shown, type TreePath } from './path.ts'
import { breathing, changedAt, entryOf, treeLimits } from './tree.ts'

export interface CopiedIn {
  readonly manifest: Map<TreePath, Original>
  readonly files: number
  readonly bytes: number
  /** What is no file, directory or link, and what we may not read. Untrusted text. */
  readonly leftOut: readonly string[]
}

/**
 * Copies a directory of the host's into one of ours. By descriptors, so that what is copied is what was looked at; links as links.
 * @throws the system's error; `signal.reason`
 */
export async function copyIn(options: {
  readonly host: Directory
  readonly copy: Directory
  /** Not copied at all. */
  readonly exclude: (path: TreePath) => boolean
  /** Of which the sandbox may see nothing: something empty stands there, for the wall to cover. */
  readonly deny: ReadonlySet<TreePath>
  readonly onBytes: (bytes: number) => void
  readonly signal: AbortSignal | undefined
}): Promise<CopiedIn> {
  const { exclude, deny, onBytes, signal } = options
  const manifest = new Map<TreePath, Original>()
  const leftOut = createLeftOut()
  const breath = breathing(signal)
  const tools = copyTools(onBytes, signal)
  let [files, bytes] = [0, 0]

  const visit = async (host: Directory, copy: Directory, above: TreePath, depth: number): Promise<void> => {
    if (depth > treeLimits.depth) throw tooMuch(`${shown(above)}: more than ${treeLimits.depth} directories deep`)
    for (const bytesOfName of host.list()) {
      const name = bytesOfName.toString('latin1')
      const path = joined(above, name)
      if (exclude(path)) continue
      const stat = host.stat(bytesOfName)
      if (stat === undefined) continue
      if (deny.has(path)) {
        standIn(copy, bytesOfName, stat)
        continue
      }
      if (manifest.size >= treeLimits.entries) throw tooMuch(`more than ${treeLimits.entries} files and directories`)
      try {
        await take(host, copy, { name, path, stat, depth })
      } catch (error) {
        if (!isOutOfReach(error)) throw error
        leftOut.add(shown(path))
      }
      await breath()
    }
  }

  const take = async (host: Directory, copy: Directory, found: Found): Promise<void> => {
    const { name, path, stat } = found
    if (stat.isDirectory()) return takeDirectory(host, copy, found)
    if (stat.isFile()) return takeFile(host, copy, found)
    if (!stat.isSymbolicLink()) return leftOut.add(shown(path))
    const target = host.readLink(bytesOf(name))
    copy.link(bytesOf(name), target)
    manifest.set(path, { ...about(stat), host: '', copy: '', content: target.toString('latin1') })
  }

  const takeDirectory = async (host: Directory, copy: Directory, { name, path, depth }: Found): Promise<void> => {
    const from = host.child(bytesOf(name))
    try {
      const stat = fstatSync(from.fd)
      const to = copy.make(bytesOf(name))
      try {
        manifest.set(path, { ...about(stat), host: '', copy: '', content: '' })
        await visit(from, to, path, depth + 1)
        to.setOwnTime(stat.mtimeMs / 1000)
        to.setOwnMode(stat.mode & 0o777)
      } finally {
        to.close()
      }
    } finally {
      from.close()
    }
  }

  const takeFile = async (host: Directory, copy: Directory, { name, path }: Found): Promise<void> => {
    const fd = host.open(bytesOf(name))
    try {
      const stat = fstatSync(fd)
      if (!stat.isFile()) return leftOut.add(shown(path))
      const copied = await copyFile(fd, copy, name, { mode: stat.mode & 0o777 }, tools)
      const { size } = fstatSync(fd)
      files += 1
      bytes += size
      const seen = copied.of ?? ''
      const host = isFresh(seen, Date.now()) ? '' : seen
      // Where a stamp says nothing, the contents have to.
      const content = copied.hash ?? (host === '' && seen !== '' ? await hashOf(fd, signal) : '')
      manifest.set(path, { ...about(stat), size, host, copy: copied.stamp, content })
    } finally {
      closeSync(fd)
    }
  }

  await visit(options.host, options.copy, '', 1)
  options.copy.setOwnMode(0o700 | (fstatSync(options.host.fd).mode & 0o777))
  const now = Date.now()
  for (const [path, original] of manifest) {
    if (isFresh(original.copy, now)) manifest.set(path, { ...original, copy: '' })
  }
  return { manifest, files, bytes, leftOut: leftOut.told() }
}

interface Found {
  readonly name: string
  readonly path: TreePath
  readonly stat: Stats
  readonly depth: number
}

/** Two ticks of the slowest clock that kernels keep times by: a change that comes within one leaves the stamp as it is. */
const tickMs = 20

function isFresh(stamp: string, now: number): boolean {
  return stamp !== '' && changedAt(stamp) > now - tickMs
}

function about(stat: Stats): Pick<Original, 'kind' | 'mode' | 'size'> {
  const { kind, mode, size } = entryOf(stat, undefined)
  if (kind === 'other') throw new GloveboxError('INTERNAL', 'something was copied that is not')
  return { kind, mode, size }
}

function standIn(copy: Directory, name: Buffer, stat: Stats): void {
  if (stat.isDirectory()) copy.make(name).close()
  else closeSync(copy.create(name, 0o400))
}

/** Gone since it was listed, replaced meanwhile, or not for us. */
function isOutOfReach(error: unknown): boolean {
  return hasCode(error, 'EACCES', 'EPERM', 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO')
}

function tooMuch(message: string): GloveboxError {
  return new GloveboxError('FAILED', `the workspace cannot be copied: ${message}`, {
    fix: 'name a smaller directory, leave some of it out with workspace.exclude, or use the mode read or write',
  })
}
