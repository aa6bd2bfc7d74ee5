import { readRule } from '../../policy/network/rule.ts'
import { quoted } from '../schema/words.ts'
import { entryOf, type Entry, type Tree } from '../tree.ts'
import { notebook, type Imported, type ImportedSandbox, type Notebook } from './imported.ts'
import { textsOf } from './values.ts'

/** Settings of `srt`: `network.allowedDomains`, `filesystem.denyRead|allowRead|allowWrite|denyWrite`. */
export function isRuntimeSettings(tree: Tree): boolean {
  const [network, filesystem] = [entryOf(tree, 'network')?.value, entryOf(tree, 'filesystem')?.value]
  return (
    entryOf(network, 'allowedDomains') !== undefined ||
    ['denyRead', 'allowWrite', 'denyWrite', 'allowRead'].some((key) => entryOf(filesystem, key) !== undefined)
  )
}

/**
 * What these settings mean as defaults of every server. There reading is allowed but for what is denied; here nothing is
 * seen but what is named, so that a list of what may not be read has nothing to do.
 */
export function readRuntimeSettings(tree: Tree): Imported {
  const book = notebook()
  const lists = { read: [] as string[], write: [] as string[], deny: [] as string[] }
  const network = { allow: [] as string[], deny: [] as string[] }
  for (const { key, keyAt, value } of tree.kind === 'table' ? tree.entries : []) {
    if (value.kind === 'table' && key === 'filesystem') for (const entry of value.entries) readFiles(entry, lists, book)
    else if (value.kind === 'table' && key === 'network')
      for (const entry of value.entries) readNetwork(entry, network, book)
    else if (key === 'ignoreViolations' || key === 'enableWeakerNestedSandbox' || key === 'allowAppleEvents')
      book.note(keyAt, [key], 'left out', 'there is no weaker sandbox here')
    else book.note(keyAt, [key], 'look', 'it has no counterpart here')
  }
  const defaults: ImportedSandbox = {
    filesystem: filled(lists),
    ...(network.allow.length + network.deny.length > 0 && { network: filled(network) }),
  }
  return { format: 'settings of srt', servers: {}, defaults, microvm: undefined, notes: book.notes }
}

function readFiles(
  { key, keyAt, value }: Entry,
  lists: Record<'read' | 'write' | 'deny', string[]>,
  book: Notebook,
): void {
  const path = ['filesystem', key]
  const target = ({ allowWrite: 'write', denyWrite: 'deny', denyRead: 'deny', allowRead: 'read' } as const)[key]
  if (target === undefined) return book.note(keyAt, path, 'look', 'not a key that is known: left out')
  const paths = textsOf(value, path, book) ?? []
  const globs = paths.filter((text) => /[*?[\]]/.test(text))
  lists[target].push(...paths.filter((text) => !globs.includes(text)))
  for (const glob of globs)
    book.note(value.at, path, 'look', `${glob}: patterns of paths mean nothing here; name the directories`)
  const why = key === 'denyWrite' ? ' (what is denied cannot be read either)' : ''
  book.note(keyAt, path, 'changed', `defaults.filesystem.${target}${why}`)
}

function readNetwork({ key, keyAt, value }: Entry, network: Record<'allow' | 'deny', string[]>, book: Notebook): void {
  const path = ['network', key]
  const target = ({ allowedDomains: 'allow', deniedDomains: 'deny' } as const)[key]
  if (target === undefined) {
    return book.note(keyAt, path, 'look', 'sockets and listeners of the host are never shown to a sandbox: left out')
  }
  const names = textsOf(value, path, book) ?? []
  for (const name of names) {
    const { mistake } = readRule(name, target)
    if (mistake === undefined) network[target].push(name)
    else book.note(value.at, path, 'look', `${quoted(name)} ${mistake.why}: left out; ${mistake.fix}`)
  }
  const ports =
    target === 'allow' && names.length > 0 ? ' (there on every port, here on 443: add the others as NAME:PORT)' : ''
  book.note(keyAt, path, 'changed', `defaults.network.${target}${ports}`)
}

function filled<T extends Record<string, readonly string[]>>(lists: T): Partial<T> {
  return Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)) as Partial<T>
}
