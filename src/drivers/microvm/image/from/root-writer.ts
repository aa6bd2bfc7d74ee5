import { closeSync, fchmodSync, futimesSync, writeSync } from 'node:fs'
import type { ForeignEntry } from '../../../../inside/tar/foreign.ts'
import { safePath } from '../../../../inside/tar/header.ts'
import type { TarSink } from '../../../../inside/tar/reader.ts'
import { openDirectory, type Directory } from '../../../../system/directory.ts'
import { fixedTime } from '../erofs.ts'
import { createWalk, type Place, type Walk } from './walk.ts'

/** What archives are unpacked into: a root filesystem in the making. */
export interface RootWriter extends Disposable {
  /** One archive, or one layer of several; `onWhiteout` decides about names that stand for what is removed. */
  layer(whiteouts: boolean): TarSink<ForeignEntry>
  /** Modes and times of directories, which every file in them would change: once, at the end. */
  settle(): void
}

/** `.wh.NAME` in a layer: NAME of the layers below is gone; `.wh..wh..opq`: all that they have there is (OCI image-spec, layer.md). */
const whiteout = '.wh.'
const opaque = '.wh..wh..opq'

interface LayerSink extends TarSink<ForeignEntry> {
  /** Lets go of a file in the middle. */
  abandon(): void
}

interface DirectoryFacts {
  readonly parts: readonly Buffer[]
  readonly mode: number
  readonly modified: number
}

/** Writes below that directory and nowhere else, whatever the archives hold: links in them are followed as the guest would, from its top. */
export function createRootWriter(path: string): RootWriter {
  const root = openDirectory(path)
  const walk = createWalk(root)
  const directories = createFacts()
  // Archives need not have the directory that they are of.
  directories.set([], 0o755, fixedTime)
  const layers: LayerSink[] = []
  return {
    layer(whiteouts) {
      const sink = layerSink(walk, directories, whiteouts)
      layers.push(sink)
      return sink
    },
    settle() {
      for (const { parts, mode, modified } of directories.deepestFirst()) {
        const found = walk.existing(parts)?.directory
        // Its owner, who packs it, has to be able to read it.
        found?.setOwnMode(mode | 0o500)
        found?.setOwnTime(modified)
      }
    },
    [Symbol.dispose]() {
      for (const each of layers) each.abandon()
      walk.close()
      root.close()
    },
  }
}

/** Modes and times of directories, by the ways to them without a link. */
interface Facts {
  set(parts: readonly Buffer[], mode: number, modified: number): void
  /** It is gone, with all that was below. */
  drop(parts: readonly Buffer[]): void
  deepestFirst(): DirectoryFacts[]
}

function createFacts(): Facts {
  const facts = new Map<string, DirectoryFacts>()
  return {
    set: (parts, mode, modified) => void facts.set(keyOf(parts), { parts, mode: mode & 0o1777, modified }),
    drop(parts) {
      const key = keyOf(parts)
      for (const each of facts.keys()) if (each === key || each.startsWith(`${key}/`)) facts.delete(each)
    },
    deepestFirst: () => [...facts.values()].toSorted((a, b) => b.parts.length - a.parts.length),
  }
}

function layerSink(walk: Walk, directories: Facts, whiteouts: boolean): LayerSink {
  /** What this layer has brought: an opaque directory loses what was there before. */
  const own = new Set<string>()
  let file: { readonly fd: number; readonly entry: ForeignEntry } | undefined

  const parentOf = (path: readonly Buffer[]): Place =>
    walk.directory(path.slice(0, -1), (made) => directories.set(made, 0o755, fixedTime))

  const begin = (entry: ForeignEntry): void => {
    const { path, kind } = entry
    const name = path.at(-1)
    if (name === undefined) {
      if (kind === 'directory') directories.set([], entry.mode, entry.modified)
      return
    }
    if (whiteouts && isWhiteout(name)) return remove(path, name)
    if (kind === 'special') return // a guest has devices of its own
    const { directory, parts } = parentOf(path)
    const way = [...parts, name]
    for (let depth = 1; depth <= way.length; depth++) own.add(keyOf(way.slice(0, depth)))
    const there = directory.stat(name)
    const stays = kind === 'directory' && there?.isDirectory() === true
    if (there !== undefined && !stays) {
      directory.remove(name)
      forget(way, there)
    }
    place(entry, name, parentOf(path).directory, stays)
    if (kind === 'directory') directories.set(way, entry.mode, entry.modified)
  }

  /** A file leads nowhere: only what was a directory, or a link to one, changes ways. */
  const forget = (way: readonly Buffer[], was: { isFile(): boolean; isDirectory(): boolean }): void => {
    if (was.isFile()) return
    walk.forget()
    if (was.isDirectory()) directories.drop(way)
  }

  const place = ({ kind, link, modified }: ForeignEntry, name: Buffer, parent: Directory, isThere: boolean): void => {
    if (kind === 'directory') {
      if (!isThere) parent.make(name).close()
    } else if (kind === 'symlink') {
      parent.link(name, link)
      parent.setTime(name, modified)
      walk.forget()
    } else if (kind === 'hardlink') {
      const target = safePath(withoutSlash(link))
      const of = target.at(-1)
      if (of === undefined) throw new Error('a hard link to nothing')
      // The way to the other lets go of this one.
      walk.holding(parent, () => parentOf(target).directory.hardLink(of, parent, name))
    }
  }

  const remove = (path: readonly Buffer[], name: Buffer): void => {
    const parent = walk.existing(path.slice(0, -1))
    if (parent === undefined) return
    const { directory, parts } = parent
    const gone = name.toString('latin1') === opaque ? directory.list() : [name.subarray(whiteout.length)]
    for (const each of gone) {
      const way = [...parts, each]
      if (own.has(keyOf(way))) continue
      directory.remove(each)
      directories.drop(way)
    }
    walk.forget()
  }

  return {
    begin(entry) {
      begin(entry)
      const name = entry.path.at(-1)
      const isFile = entry.kind === 'file' && name !== undefined && !(whiteouts && isWhiteout(name))
      if (isFile) file = { fd: parentOf(entry.path).directory.create(name, 0o600), entry }
    },
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
    abandon() {
      if (file !== undefined) closeSync(file.fd)
      file = undefined
    },
  }
}

function isWhiteout(name: Buffer): boolean {
  return name.toString('latin1').startsWith(whiteout)
}

function keyOf(parts: readonly Buffer[]): string {
  return parts.map((part) => part.toString('latin1')).join('/')
}

function withoutSlash(name: Buffer): Buffer {
  return name[0] === 0x2f ? withoutSlash(name.subarray(1)) : name
}
