import { closeSync, fstatSync, fsyncSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError, messageOf } from '../../errors.ts'
import { openDirectory, type Directory } from '../../system/directory.ts'
import { namesIn } from '../../system/names-in.ts'
import type { Places } from '../../system/places.ts'
import { writeWhole } from '../../system/write-whole.ts'
import { hasCode } from '../../system/error-code.ts'
import { ownDirectory } from '../running/own-directory.ts'
import { copyFile, type CopyTools } from './copy-file.ts'
import { bytesOf, nameOf, parentOf, type TreePath } from './path.ts'
import { makeAbove } from './places.ts'
import { reachFrom, type Reach } from './reach.ts'
import { openOwn, stampOf, type Entry } from './tree.ts'

/** One thing that is changed on the host, before and after. */
export interface BackupItem {
  readonly path: TreePath
  readonly op: 'add' | 'change' | 'delete'
  /** What was there: a file or link is in `before/`, under its path. */
  readonly was: Pick<Entry, 'kind' | 'mode'> | null
  /** What was put there; `stamp` is that of the host's file afterwards, and missing while it is not done. */
  readonly is: BackupPut | null
}

export interface BackupPut extends Pick<Entry, 'kind' | 'mode' | 'size' | 'stamp'> {
  readonly link?: string | undefined
  /**
   * SHA-256 of a file: its stamp is another one when it was replaced again and that was undone. It is known before anything is changed,
   * so what was killed in the middle can be undone too.
   */
  readonly hash?: string | undefined
}

/** `before`: what a sync replaced, to be put back. `kept`: what it kept aside, to be taken over. */
export type WhichBackup = 'before' | 'kept'

export interface BackupOf {
  readonly which: WhichBackup
  readonly name: string
  /** Which paths of that one are as it has them now; missing for what was cut off before its end. */
  readonly done?: readonly TreePath[] | undefined
}

export interface BackupAbout {
  readonly schema: 'glovebox/workspace-backup/1'
  readonly workspace: string
  readonly inode: number
  /** Of the sandbox whose changes these were. */
  readonly id: string
  readonly server: string
  readonly atMs: number
  readonly items: readonly BackupItem[]
  /** What of the sandbox's was not taken over, and is in `kept/` where it is a file or a link. */
  readonly kept: readonly TreePath[]
  /** Made by putting back, or by taking what was kept of, the backup of this name; missing for one of a sync. */
  readonly of?: BackupOf | undefined
}

export interface Backup {
  /** `20261121T173000123Z-ID` */
  readonly name: string
  readonly directory: string
  /** Keeps what the host has there. `same`: it was what it was thought to be, all the while. */
  keep(host: Directory, path: TreePath, entry: Entry): Promise<'same' | 'changed'>
  /** Keeps what the sandbox has there. */
  keepSandboxes(sandbox: Reach, path: TreePath): Promise<boolean>
  note(about: Omit<BackupAbout, 'schema'>): void
  /** Has the names of what is kept on disk too. */
  flush(): void
  close(): void
}

const aboutName = 'backup.json'

export function backupsOf(places: Places): string {
  return join(places.state, 'backups')
}

/** @throws GloveboxError or the system's error where nothing can be kept: then nothing is changed either */
export function makeBackup(places: Places, id: string, tools: CopyTools): Backup {
  const above = backupsOf(places)
  makeAbove(places.state)
  for (const each of [places.state, above]) ownDirectory(each)
  const stamp = new Date().toISOString().replaceAll(/[-:.]/g, '')
  const top = openDirectory(above)
  let name = `${stamp}-${id}`
  for (let more = 1; top.stat(Buffer.from(name)) !== undefined; more += 1) name = `${stamp}-${more}-${id}`
  const own = top.make(Buffer.from(name))
  top.close()
  const [before, kept] = [own.make(Buffer.from('before')), own.make(Buffer.from('kept'))]
  const reaches = { before: makingReach(before), kept: makingReach(kept) }
  const directory = join(above, name)
  return {
    name,
    directory,
    async keep(host, path, entry) {
      if (entry.kind === 'directory') {
        reaches.before.directory(path)
        return 'same'
      }
      const to = reaches.before.parent(path)
      const own = nameOf(path)
      if (entry.kind === 'link') {
        to.link(bytesOf(own), bytesOf(entry.link ?? ''))
        return 'same'
      }
      const fd = host.open(bytesOf(own))
      try {
        if (stampOf(fstatSync(fd)) !== entry.stamp) return 'changed'
        const { of } = await copyFile(fd, to, own, { mode: entry.mode }, tools)
        if (of === entry.stamp) return 'same'
        to.unlink(bytesOf(own))
        return 'changed'
      } finally {
        closeSync(fd)
      }
    },
    async keepSandboxes(sandbox, path) {
      const from = sandbox.parent(path)
      const own = nameOf(path)
      const stat = from.stat(bytesOf(own))
      if (stat?.isSymbolicLink() === true) {
        reaches.kept.parent(path).link(bytesOf(own), from.readLink(bytesOf(own)))
        return true
      }
      if (stat?.isFile() !== true) return false
      const fd = openOwn(from, own)
      try {
        await copyFile(fd, reaches.kept.parent(path), own, { mode: stat.mode & 0o777 }, tools)
        return true
      } finally {
        closeSync(fd)
      }
    },
    note: (about) =>
      writeWhole(
        join(directory, aboutName),
        `${JSON.stringify({ schema: 'glovebox/workspace-backup/1', ...about })}\n`,
      ),
    flush() {
      for (const each of Object.values(reaches)) each.flush()
      for (const each of [before, kept, own]) fsyncSync(each.fd)
    },
    close() {
      for (const each of Object.values(reaches)) each.close()
      for (const each of [before, kept, own]) each.close()
    },
  }
}

/** Directories that are not there yet are made, for us alone. */
function makingReach(top: Directory): Pick<Reach, 'directory' | 'parent' | 'close'> & { readonly flush: () => void } {
  const reach = reachFrom(top, { own: true })
  const made: TreePath[] = []
  const make = (path: TreePath): Directory => {
    if (path === '') return top
    const parent = make(parentOf(path))
    const name = bytesOf(nameOf(path))
    if (parent.stat(name) === undefined) {
      parent.make(name).close()
      made.push(path)
    }
    return reach.directory(path)
  }
  return {
    directory: make,
    parent: (path) => make(parentOf(path)),
    flush: () => made.forEach((path) => fsyncSync(reach.directory(path).fd)),
    close: () => reach.close(),
  }
}

export interface BackupFound {
  readonly name: string
  readonly directory: string
  readonly about: BackupAbout
}

/** All of this user, the oldest first. */
export function listBackups(places: Places): BackupFound[] {
  const above = backupsOf(places)
  return namesIn(above)
    .flatMap((name) => {
      const directory = join(above, name)
      const about = readAbout(join(directory, aboutName))
      return about === undefined ? [] : [{ name, directory, about }]
    })
    .sort((a, b) => a.about.atMs - b.about.atMs)
}

/** Undefined for one that was not begun to be used. */
function readAbout(file: string): BackupAbout | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
  try {
    const about = JSON.parse(text) as BackupAbout
    if (about.schema !== 'glovebox/workspace-backup/1') throw new Error('of another version of glovebox')
    return about
  } catch (cause) {
    throw new GloveboxError('FAILED', `${file}: ${messageOf(cause)}`, { cause })
  }
}
