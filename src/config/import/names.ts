import type { KeyPath } from '../tree.ts'
import type { ImportedServer, Notebook } from './imported.ts'

/** A server as a client's file has it: where it stands, and what the file calls it. */
export interface Found {
  /** The table or list that it is in. */
  readonly section: KeyPath
  readonly key: string
  readonly keyAt: number
  readonly server: ImportedServer
}

const longest = 64

/**
 * Names that are names here too, each for one server of the file. Those that can stay are given first, so that "A-B" is
 * not called otherwise because of an "A B" before it.
 */
export function namesFor(found: readonly Found[], book: Notebook): ReadonlyMap<Found, string> {
  const names = new Map<Found, string>()
  const taken = new Set<string>()
  const give = (each: Found, name: string): void => {
    names.set(each, name)
    taken.add(name)
  }
  for (const each of found) if (plainName(each.key) === each.key && !taken.has(each.key)) give(each, each.key)
  for (const each of found) {
    if (names.has(each)) continue
    const path = [...each.section, each.key]
    const plain = plainName(each.key)
    if (plain === '') {
      book.note(each.keyAt, path, 'look', 'no part of this name can be a name here: left out')
      continue
    }
    give(each, freeName(plain, taken))
    book.note(each.keyAt, path, 'changed', `its name is ${names.get(each)} here`)
  }
  return names
}

function plainName(key: string): string {
  return key
    .trim()
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, longest)
}

function freeName(plain: string, taken: ReadonlySet<string>): string {
  let name = plain
  for (let more = 2; taken.has(name); more++) name = `${plain.slice(0, longest - `-${more}`.length)}-${more}`
  return name
}
