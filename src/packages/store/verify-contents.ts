import { lstatSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../system/sha256.ts'
import { treeOf, type FileLine, type PackageRecord } from './record.ts'
import { takeStamps, writeStamps } from './stamps.ts'
import type { Store } from './store.ts'
import { listTree } from './tree.ts'
import { tampered } from './verify.ts'

/**
 * Compares contents with what was installed: of `suspects`, or of every file. Stamps are taken before the contents are
 * read, so that a change in between is found at the next start.
 * @throws GloveboxError REFUSED naming the first file that is another
 */
export function verifyContents(store: Store, record: PackageRecord, suspects?: ReadonlySet<string>): void {
  const tree = treeOf(store, record.key)
  const lines = readLines(store, record)
  const watched = readFileSync(join(store.packages, record.key, 'watched'), 'utf8').split('\n')
  const stamps = takeStamps(tree, watched)
  if (suspects === undefined || [...suspects].some((path) => lines.get(path)?.[1] === 'd'))
    compareNames(tree, lines, record)
  for (const line of lines.values()) {
    if ((suspects === undefined || suspects.has(line[0])) && !isAsInstalled(tree, line))
      throw tampered(record, `the file ${line[0]}`)
  }
  writeStamps(store, record.key, stamps)
}

function readLines(store: Store, record: PackageRecord): Map<string, FileLine> {
  const text = readFileSync(join(store.packages, record.key, 'files.json'), 'utf8')
  if (sha256(text) !== record.filesSha256) throw tampered(record, 'its list of contents')
  return new Map((JSON.parse(text) as FileLine[]).map((line) => [line[0], line]))
}

/** A file that was added can be loaded instead of another: names must be those that were installed, all of them. */
function compareNames(tree: string, lines: ReadonlyMap<string, FileLine>, record: PackageRecord): void {
  const links = new Set([...lines.values()].filter(([, kind]) => kind === 'l').map(([path]) => path))
  const there = new Set(listTree(tree, links).map(({ path }) => path))
  for (const path of there) if (!lines.has(path)) throw tampered(record, `the added file ${path}`)
  for (const path of lines.keys()) if (!there.has(path)) throw tampered(record, `the missing file ${path}`)
}

function isAsInstalled(tree: string, [path, kind, content]: FileLine): boolean {
  const full = join(tree, path)
  const stat = lstatSync(full, { throwIfNoEntry: false })
  if (stat === undefined) return false
  switch (kind) {
    case 'd':
      return stat.isDirectory()
    case 'l':
      return stat.isSymbolicLink() && readlinkSync(full) === content
    case 'f':
    case 'x':
      return stat.isFile() && ((stat.mode & 0o111) !== 0) === (kind === 'x') && sha256(readFileSync(full)) === content
  }
}
