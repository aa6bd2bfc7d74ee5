import { SyntaxProblem } from './problem.ts'
import { maxDepth, type Entry, type Tree } from './tree.ts'

export interface TreeBuilder {
  readonly table: (at: number) => void
  readonly list: (at: number) => void
  readonly end: () => void
  readonly key: (key: string, at: number) => void
  readonly leaf: (value: unknown, at: number) => void
  /** The outermost value; an empty table when there was none. */
  readonly finish: () => Tree
}

interface Open {
  readonly tree: { kind: 'table'; at: number; entries: Entry[] } | { kind: 'list'; at: number; items: Tree[] }
  readonly seen: Set<string>
  key: { readonly key: string; readonly at: number } | undefined
}

/**
 * Puts a tree together from the events of a parser, with the rules that all three spellings share:
 * bounded depth, no key twice, only finite numbers, texts that are Unicode.
 */
export function createTreeBuilder(): TreeBuilder {
  const open: Open[] = []
  let root: Tree | undefined

  function add(tree: Tree): void {
    const parent = open.at(-1)
    if (parent === undefined) root ??= tree
    else if (parent.tree.kind === 'list') parent.tree.items.push(tree)
    else if (parent.key !== undefined)
      parent.tree.entries.push({ key: parent.key.key, keyAt: parent.key.at, value: tree })
  }

  function begin(tree: Open['tree']): void {
    if (open.length >= maxDepth) {
      throw new SyntaxProblem(tree.at, `this is nested more than ${maxDepth} deep`, 'no key of Glovebox needs that')
    }
    add(tree)
    open.push({ tree, seen: new Set(), key: undefined })
  }

  return {
    table: (at) => begin({ kind: 'table', at, entries: [] }),
    list: (at) => begin({ kind: 'list', at, items: [] }),
    end: () => void open.pop(),
    key(key, at) {
      const parent = open.at(-1)
      if (parent === undefined) return
      requireUnicode(key, at)
      if (parent.seen.has(key)) {
        throw new SyntaxProblem(
          at,
          `the key "${key}" is written twice`,
          'keep one of them: which one counts is not obvious',
        )
      }
      parent.seen.add(key)
      parent.key = { key, at }
    },
    leaf: (value, at) => add({ kind: 'leaf', at, value: requireValue(value, at) }),
    finish: () => root ?? { kind: 'table', at: 0, entries: [] },
  }
}

function requireValue(value: unknown, at: number): string | number | boolean | null {
  if (typeof value === 'string') return requireUnicode(value, at)
  if (value === null || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value)))
    return value
  if (typeof value === 'number') throw new SyntaxProblem(at, 'this is not a finite number', 'write the digits')
  throw new SyntaxProblem(at, 'dates and times mean nothing here', 'write a text in quotes')
}

function requireUnicode(text: string, at: number): string {
  if (text.isWellFormed()) return text
  throw new SyntaxProblem(at, 'this text has half of a surrogate pair', 'write the character itself')
}
