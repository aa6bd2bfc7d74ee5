import { untrusted } from '../ui/untrusted.ts'

/**
 * What a configuration file says, with the place of each value: the same for JSON, TOML and YAML, so that
 * everything after the parsers is written once. Places are offsets into the text, in UTF-16 units.
 */
export type Tree = Leaf | List | Table

export interface Leaf {
  readonly kind: 'leaf'
  readonly at: number
  readonly value: string | number | boolean | null
}

export interface List {
  readonly kind: 'list'
  readonly at: number
  readonly items: readonly Tree[]
}

export interface Table {
  readonly kind: 'table'
  readonly at: number
  readonly entries: readonly Entry[]
}

export interface Entry {
  readonly key: string
  readonly keyAt: number
  readonly value: Tree
}

/** Keys from the root: `['mcpServers', 'files', 'args', 0]`. */
export type KeyPath = readonly (string | number)[]

/** What a value of the host language would look like as a tree; for values that come from flags, profiles and manifests. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain | undefined }

/** No configuration that means something nests deeper; the parsers' own recursion is far from its end here. */
export const maxDepth = 32

/** The entry of a table, or undefined. */
export function entryOf(tree: Tree | undefined, key: string): Entry | undefined {
  return tree?.kind === 'table' ? tree.entries.find((entry) => entry.key === key) : undefined
}

/** What stands at a path, or undefined. */
export function treeAt(tree: Tree | undefined, path: KeyPath): Tree | undefined {
  let at = tree
  for (const key of path) {
    if (typeof key === 'number') at = at?.kind === 'list' ? at.items[key] : undefined
    else at = entryOf(at, key)?.value
  }
  return at
}

/** Where the key that a path ends with is written; the nearest place around it when it is not written at all. */
export function placeOf(tree: Tree, path: KeyPath): number {
  for (let length = path.length; length > 0; length--) {
    const last = path[length - 1]
    const parent = treeAt(tree, path.slice(0, length - 1))
    const place = typeof last === 'string' ? entryOf(parent, last)?.keyAt : treeAt(tree, path.slice(0, length))?.at
    if (place !== undefined) return place
  }
  return tree.at
}

/** `mcpServers.files.args[0]`; keys that are not plain words are quoted, and speak to no terminal: JSON leaves DEL and overrides as they are. */
export function spellPath(path: KeyPath): string {
  return path
    .map((key, index) => {
      if (typeof key === 'number') return `[${key}]`
      if (!/^[\w$@/*-]+$/.test(key)) return `[${untrusted(JSON.stringify(key))}]`
      return index === 0 ? key : `.${key}`
    })
    .join('')
}

/** The tree as a value of the host language, in objects without a prototype: `__proto__` is a key like any other. */
export function plainOf(tree: Tree): Plain {
  if (tree.kind === 'leaf') return tree.value
  if (tree.kind === 'list') return tree.items.map(plainOf)
  const table: Record<string, Plain> = Object.create(null)
  for (const { key, value } of tree.entries) table[key] = plainOf(value)
  return table
}

/** A value as a tree whose every place is 0. */
export function treeOf(value: Plain): Tree {
  if (isList(value)) return { kind: 'list', at: 0, items: value.map(treeOf) }
  if (typeof value !== 'object' || value === null) return { kind: 'leaf', at: 0, value }
  const entries = Object.entries(value).flatMap(([key, item]) =>
    item === undefined ? [] : [{ key, keyAt: 0, value: treeOf(item) }],
  )
  return { kind: 'table', at: 0, entries }
}

function isList(value: Plain): value is readonly Plain[] {
  return Array.isArray(value)
}
