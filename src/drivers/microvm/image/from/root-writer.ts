import { closeSync, fchmodSync, futimesSync, writeSync } from 'node:fs'
import type { ForeignEntry } from '../../../../inside/tar/foreign.ts'
import { safePath } from '../../../../inside/tar/header.ts'
import type { TarSink } from '../../../../inside/tar/reader.ts'
import type { Directory } from '../../../../system/directory.ts'
import { fixedTime } from '../erofs.ts'
import { createWalk, type Walk } from './walk.ts'

/** What archives are unpacked into: a root filesystem in the making. */
export interface RootWriter {
  /** One archive, or one layer of several; `onWhiteout` decides about names that stand for what is removed. */
  layer(whiteouts: boolean): TarSink<ForeignEntry>
  /** Modes and times of directories, which every file in them would change: once, at the end. */
  settle(): void
}

/** `.wh.NAME` in a layer: NAME of the layers below is gone; `.wh..wh..opq`: all that they have there is (OCI image-spec, layer.md). */
const whiteout = '.wh.'
const opaque = '.wh..wh..opq'

interface DirectoryFacts {
  readonly parts: readonly Buffer[]
  readonly mode: number
  readonly modified: number
}

/** Writes below `root` and nowhere else, whatever the archives hold: links in them are followed as the guest would, from its top. */
export function createRootWriter(root: Directory): RootWriter {
  const walk = createWalk(root)
  // Archives need not have the directory that they are of.
  const directories = new Map<string, DirectoryFacts>([['', { parts: [], mode: 0o755, modified: fixedTime }]])
  return {
    layer: (whiteouts) => layerSink(walk, directories, whiteouts),
    settle() {
      for (const { parts, mode, modified } of [...directories.values()].toSorted(
        (a, b) => b.parts.length - a.parts.length,
      )) {
        const found = walk.existing(parts)
        // Its owner, who packs it, has to be able to read it.
        found?.setOwnMode(mode | 0o500)
        found?.setOwnTime(modified)
      }
      walk.close()
    },
  }
}

function layerSink(walk: Walk, directories: Map<string, DirectoryFacts>, whiteouts: boolean): TarSink<ForeignEntry> {
  /** What this layer has brought: an opaque directory loses what was there before. */
  const own = new Set<string>()
  let file: { readonly fd: number; readonly entry: ForeignEntry } | undefined

  const remember = (parts: readonly Buffer[], mode: number, modified: number): void => {
    directories.set(keyOf(parts), { parts, mode: mode & 0o1777, modified })
  }
  const parentOf = (parts: readonly Buffer[]): Directory =>
    walk.directory(parts.slice(0, -1), (made) => remember(made, 0o755, fixedTime))

  const begin = (entry: ForeignEntry): void => {
    const { path, kind } = entry
    const name = path.at(-1)
    if (name === undefined) {
      if (kind === 'directory') remember([], entry.mode, entry.modified)
      return
    }
    if (whiteouts && name.toString('latin1').startsWith(whiteout)) return remove(path)
    if (kind === 'special') return // a guest has devices of its own
    for (let depth = 1; depth <= path.length; depth++) own.add(keyOf(path.slice(0, depth)))
    const before = parentOf(path)
    const there = before.stat(name)
    const stays = kind === 'directory' && there?.isDirectory() === true
    if (there !== undefined && !stays) {
      before.remove(name)
      walk.forget()
    }
    place(entry, name, parentOf(path), stays)
  }

  const place = (entry: ForeignEntry, name: Buffer, parent: Directory, isThere: boolean): void => {
    const { kind, link, modified, path } = entry
    if (kind === 'directory') {
      if (!isThere) parent.make(name).close()
      remember(path, entry.mode, modified)
    } else if (kind === 'symlink') {
      parent.link(name, link)
      parent.setTime(name, modified)
      walk.forget()
    } else if (kind === 'hardlink') {
      const target = safePath(withoutSlash(link))
      const of = target.at(-1)
      if (of === undefined) throw new Error('a hard link to nothing')
      // Walked to first: the way to the other may let go of this one.
      walk.holding(parent, () => parentOf(target).hardLink(of, parent, name))
    } else {
      file = { fd: parent.create(name, 0o600), entry }
    }
  }

  const remove = (path: readonly Buffer[]): void => {
    const name = path.at(-1)?.toString('latin1') ?? ''
    const parts = path.slice(0, -1)
    const parent = walk.existing(parts)
    if (parent === undefined) return
    const gone = name === opaque ? parent.list() : [Buffer.from(name.slice(whiteout.length), 'latin1')]
    for (const each of gone) if (!own.has(keyOf([...parts, each]))) parent.remove(each)
    walk.forget()
  }

  return {
    begin,
    data(bytes) {
      if (file === undefined) return
      for (let at = 0; at < bytes.length;) at += writeSync(file.fd, bytes, at)
    },
    end() {
      if (file === undefined) return
      const { fd, entry } = file
      file = undefined
      fchmodSync(fd, (entry.mode & 0o777) | 0o400)
      futimesSync(fd, entry.modified, entry.modified)
      closeSync(fd)
    },
  }
}

function keyOf(parts: readonly Buffer[]): string {
  return parts.map((part) => part.toString('latin1')).join('/')
}

function withoutSlash(name: Buffer): Buffer {
  return name[0] === 0x2f ? withoutSlash(name.subarray(1)) : name
}
