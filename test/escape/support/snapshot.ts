import { createHash } from 'node:crypto'
import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import type { Place } from './place.ts'

/** Everything of the place that was not given to write: what, whose, how, and with which bytes. */
export function snapshot(place: Place): Map<string, string> {
  const all = new Map<string, string>()
  for (const name of [
    place.secret,
    place.homeSecret,
    place.tmpSecret,
    place.ro,
    place.bin,
    path.dirname(place.forbidden),
  ]) {
    note(name, all)
  }
  all.set(place.base, readdirSync(place.base).toSorted().join(' '))
  return all
}

/** Names whose entry is another, in sentences. */
export function changes(before: Map<string, string>, after: Map<string, string>): string[] {
  const names = new Set([...before.keys(), ...after.keys()])
  return [...names]
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => `${name}: ${before.get(name) ?? 'absent'} -> ${after.get(name) ?? 'absent'}`)
}

function note(name: string, all: Map<string, string>): void {
  const about = lstatSync(name, { throwIfNoEntry: false })
  if (about === undefined) return
  const base = `${about.mode.toString(8)} ${about.uid}:${about.gid} ${about.nlink}`
  if (about.isDirectory()) {
    all.set(name, base)
    for (const entry of readdirSync(name)) note(path.join(name, entry), all)
  } else if (about.isFile()) {
    all.set(
      name,
      `${base} ${about.mtimeMs} ${createHash('sha256').update(readFileSync(name)).digest('hex').slice(0, 16)}`,
    )
  } else {
    all.set(name, `${base} ${about.isSymbolicLink() ? readlinkSync(name) : about.rdev}`)
  }
}

/** What the sandbox left in the workspace that could hurt whoever uses it outside. */
export function dangerousIn(directory: string, owner: number): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const name = path.join(entry.parentPath, entry.name)
    const about = lstatSync(name)
    const found: string[] = []
    if (about.isFile() && (about.mode & 0o6000) !== 0) found.push(`${name} is set-id (${about.mode.toString(8)})`)
    if (about.isBlockDevice() || about.isCharacterDevice()) found.push(`${name} is a device`)
    if (about.uid !== owner) found.push(`${name} belongs to ${about.uid}`)
    return found
  })
}
