import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { packageRoot } from '../../package-root.ts'
import type { Places } from '../../system/places.ts'
import { readSourceIfThere, type Source } from '../source.ts'

/** The files of a profile folder. A directory called `profiles` may be another tool's: nothing else in it is ours. */
export const profileFile: RegExp = /^[A-Za-z0-9_][A-Za-z0-9._-]*\.(profile|inc|local)$/

/** A directory with profiles. Nothing outside of it is read through it. */
export interface ProfileFolder {
  readonly kind: 'project' | 'user' | 'file' | 'built-in'
  readonly path: string
  /** The text of a file in it, by its name; undefined when it is not there. */
  readonly read: (name: string) => Source | undefined
  /** The names of its profiles, without `.profile`. */
  readonly names: () => string[]
}

/** A file is read once: what was looked at is what is used. */
export function folderAt(kind: ProfileFolder['kind'], path: string): ProfileFolder {
  const known = new Map<string, Source | undefined>()
  return {
    kind,
    path,
    read(name) {
      if (!known.has(name)) known.set(name, readInside(path, name))
      return known.get(name)
    },
    names: () => (existsSync(path) ? profileNames(readdirSync(path)) : []),
  }
}

function readInside(folder: string, name: string): Source | undefined {
  const file = join(folder, name)
  if (existsSync(file)) requireInside(file, folder)
  else if (isAbsent(file)) return undefined
  return readSourceIfThere(file)
}

/** Most names are in one folder of three: to find out by an error would take longer than all the rest. */
function isAbsent(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) === undefined
  } catch {
    return false // whoever opens it tells why it cannot be
  }
}

/** Texts that were read before, by name: what was hashed is what is used. */
export function folderOf(kind: ProfileFolder['kind'], path: string, texts: ReadonlyMap<string, string>): ProfileFolder {
  return {
    kind,
    path,
    read(name) {
      const text = texts.get(name)
      return text === undefined ? undefined : { path: join(path, name), text }
    },
    names: () => profileNames([...texts.keys()]),
  }
}

/** The profiles that came with Glovebox. */
export function builtInFolder(): ProfileFolder {
  return folderAt('built-in', join(packageRoot(), 'profiles'))
}

/** Where profiles are looked for, the nearest first: beside the file of a server, the user's, ours. */
export function profileFolders(beside: ProfileFolder | undefined, places: Places): ProfileFolder[] {
  const user = folderAt('user', join(places.config, 'profiles'))
  return [...(beside === undefined || beside.kind === 'user' ? [] : [beside]), user, builtInFolder()]
}

function profileNames(files: readonly string[]): string[] {
  return files
    .filter((name) => name.endsWith('.profile'))
    .map((name) => name.slice(0, -'.profile'.length))
    .toSorted()
}

/** A link in a profile folder would read what lies elsewhere. @throws GloveboxError POLICY_INVALID */
export function requireInside(file: string, folder: string): void {
  const real = realpathSync.native(file)
  if (real.startsWith(`${realpathSync.native(folder)}/`)) return
  throw new GloveboxError('POLICY_INVALID', `${file}: leads out of its folder, to ${real}`, {
    fix: 'profiles are files in a profile folder: copy it there',
  })
}
