import { parse, TomlError } from 'smol-toml'
import { SyntaxProblem } from '../problem.ts'
import { createTreeBuilder, type TreeBuilder } from '../tree-builder.ts'
import { maxDepth, type Tree } from '../tree.ts'
import { scanToml, type TomlKey, type TomlPair, type TomlPlace } from './scan.ts'

/**
 * TOML 1.1: values as the parser read them, with the places that the scanner found.
 * @throws SyntaxProblem
 */
export function parseToml(text: string): Tree {
  const table = parseValues(text)
  const build = createTreeBuilder()
  walk(table, placesOf(text), build)
  return build.finish()
}

/** @throws SyntaxProblem */
export function parseValues(text: string): Record<string, unknown> {
  try {
    return parse(text, { maxDepth })
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const [why = ''] = error.message.replace('Invalid TOML document: ', '').split('\n')
    const offset = offsetOf(text, error.line, error.column)
    throw new SyntaxProblem(offset, `this is not TOML: ${why}`, fixFor(why, text.slice(offset)))
  }
}

/** For the mistakes that nearly all are. */
function fixFor(why: string, rest: string): string {
  const word = /^[A-Za-z_~./$][^\s,\]}#]*/.exec(rest)?.[0]
  if (why === 'invalid value' && word !== undefined) return `texts stand in quotes: ${JSON.stringify(word)}`
  if (why.startsWith('trying to redefine')) return 'it is written twice: leave one of them'
  if (why.startsWith('expected comma or end')) return 'a list, or a table in braces, is not closed before this place'
  return 'see toml.io/en/v1.1.0'
}

function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split(/\r\n|\n|\r/g)
  let offset = 0
  // Line breaks are one or two units: count them where they stand.
  for (let index = 1; index < line; index++) {
    offset += lines[index - 1]?.length ?? 0
    offset += text.startsWith('\r\n', offset) ? 2 : 1
  }
  return Math.min(text.length, offset + column - 1)
}

/** A place for each value, as a tree of its own: table arrays and dotted keys make one table of many places. */
interface Place {
  keyAt: number
  at: number
  readonly children: Map<string | number, Place>
  isTables: boolean
}

function placesOf(text: string): Place {
  const root = newPlace(0)
  let current = root
  for (const item of scanToml(text)) {
    if (item.kind === 'pair') addPair(current, item)
    else {
      current = descend(root, item.path)
      if (item.isArray) {
        current.isTables = true
        const element = newPlace(item.at)
        current.children.set(current.children.size, element)
        current = element
      }
    }
  }
  return root
}

function newPlace(at: number): Place {
  return { keyAt: at, at, children: new Map(), isTables: false }
}

function descend(from: Place, path: readonly TomlKey[]): Place {
  let at = from
  for (const { key, at: keyAt } of path) {
    if (at.isTables) at = at.children.get(at.children.size - 1) ?? at
    let next = at.children.get(key)
    if (next === undefined) {
      next = newPlace(keyAt)
      at.children.set(key, next)
    }
    at = next
  }
  return at
}

function addPair(table: Place, { path, value }: TomlPair): void {
  addValue(descend(table, path), value)
}

function addValue(place: Place, { at, items, pairs }: TomlPlace): void {
  place.at = at
  for (const [index, item] of items.entries()) {
    const child = newPlace(item.at)
    place.children.set(index, child)
    addValue(child, item)
  }
  for (const inner of pairs) addPair(place, inner)
}

function walk(value: unknown, place: Place | undefined, build: TreeBuilder): void {
  if (place === undefined) throw new Error('a value of the TOML parser has no place in its text')
  if (Array.isArray(value)) {
    build.list(place.at)
    for (const [index, item] of value.entries()) walk(item, place.children.get(index), build)
    build.end()
  } else if (typeof value === 'object' && value !== null && !(value instanceof Date)) {
    build.table(place.at)
    for (const [key, item] of Object.entries(value)) {
      const child = place.children.get(key)
      build.key(key, child?.keyAt ?? place.at)
      walk(item, child, build)
    }
    build.end()
  } else build.leaf(value, place.at)
}
