import { stringify } from 'smol-toml'
import type { Edit } from '../edit/edit.ts'
import type { Plain } from '../tree.ts'
import { scanToml, type TomlHeader, type TomlItem, type TomlKey, type TomlPair } from './scan.ts'

/**
 * TOML with one change, every other byte as it was: a server is added at the end, removed with all its tables, or gets a value
 * or a list of values in one of its tables, at its top or in a table of its own. Undefined where the file is written in a way that would need more.
 */
export function editToml(text: string, edit: Edit): string | undefined {
  const items = scanToml(text)
  if (edit.kind === 'remove') return remove(text, items, edit.path)
  const existing = findPair(items, edit.path)
  if (existing !== undefined) return isInline(edit.value) ? replace(text, existing, edit.value) : undefined
  if (isTable(edit.value)) return append(text, edit.path, edit.value)
  if (!isInline(edit.value)) return undefined
  return insertPair(text, items, edit.path, edit.value) ?? appendPair(text, edit.path, edit.value)
}

/** In a table of its own, which has no header yet. */
function appendPair(text: string, path: readonly string[], value: Plain): string {
  return append(text, path.slice(0, -1), { [path.at(-1) ?? '']: value })
}

function append(text: string, path: readonly string[], value: Plain): string {
  const table = stringify(path.reduceRight<Plain>((inner, key) => ({ [key]: inner }), value))
  const block = table.trim()
  const gap = text === '' ? '' : text.endsWith('\n\n') ? '' : text.endsWith('\n') ? '\n' : '\n\n'
  const eol = text.includes('\r\n') ? '\r\n' : '\n'
  return `${text}${`${gap}${block}\n`.replaceAll('\n', eol)}`
}

function replace(text: string, { value }: TomlPair, fresh: Plain): string {
  return text.slice(0, value.at) + spell(fresh) + text.slice(value.end)
}

/** A key at the top of a table that has a header, or of an inline one. */
function insertPair(
  text: string,
  items: readonly TomlItem[],
  path: readonly string[],
  value: Plain,
): string | undefined {
  const [parent, key] = [path.slice(0, -1), path.at(-1) ?? '']
  const line = `${spellKey(key)} = ${spell(value)}`
  const eol = text.includes('\r\n') ? '\r\n' : '\n'
  const header = items.find((item) => item.kind === 'header' && !item.isArray && isSame(item.path, parent))
  if (header?.kind === 'header') {
    const end = endOfLine(text, header.end)
    return end === text.length
      ? `${text}${eol}${line}${eol}`
      : text.slice(0, end + 1) + line + eol + text.slice(end + 1)
  }
  const inline = findPair(items, parent)
  if (inline === undefined || text[inline.value.at] !== '{') return undefined
  const inner = inline.value.at + 1
  const rest = inline.value.pairs.length === 0 ? ' ' : ','
  return `${text.slice(0, inner)} ${line}${rest}${text.slice(inner)}`
}

/** Every table and pair at or below a path, with the lines that they fill. Comments above and behind them stay. */
function remove(text: string, items: readonly TomlItem[], path: readonly string[]): string | undefined {
  const spans: [number, number][] = []
  for (const [index, item] of items.entries()) {
    if (item.kind !== 'header' || !startsWith(keys(item.path), path)) continue
    const section = [item, ...pairsOf(items, index)]
    const next = items[index + section.length]
    const goesOn = next?.kind === 'header' && startsWith(keys(next.path), path)
    const to = goesOn ? lineStart(text, next.at) : endOfLine(text, endOf(section.at(-1) ?? item)) + 1
    const from = lineStart(text, item.at)
    spans.push([index === 0 ? from : withBlankBefore(text, from), to])
  }
  for (const { pair, above } of pairsWithTable(items)) {
    const full = [...above, ...keys(pair.path)]
    if (startsWith(above, path) || !startsWith(full, path)) continue
    spans.push([lineStart(text, startOf(pair)), endOfLine(text, pair.value.end) + 1])
  }
  if (spans.length === 0) return undefined
  let result = text
  for (const [from, to] of merged(spans).toReversed()) result = result.slice(0, from) + result.slice(to)
  return result
}

/** In order, and those that touch as one. */
function merged(spans: readonly (readonly [number, number])[]): [number, number][] {
  const all: [number, number][] = []
  for (const [from, to] of spans.toSorted(([a], [b]) => a - b)) {
    const last = all.at(-1)
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to)
    else all.push([from, to])
  }
  return all
}

/** The blank line in front goes with a section. */
function withBlankBefore(text: string, from: number): number {
  const blank = /(?<=\n)\r?\n$/.exec(text.slice(0, from))
  return from - (blank?.[0].length ?? 0)
}

function pairsOf(items: readonly TomlItem[], header: number): TomlItem[] {
  const rest = items.slice(header + 1)
  const next = rest.findIndex(({ kind }) => kind === 'header')
  return next < 0 ? rest : rest.slice(0, next)
}

function* pairsWithTable(items: readonly TomlItem[]): Generator<{ pair: TomlPair; above: string[] }> {
  let above: string[] = []
  for (const item of items) {
    if (item.kind === 'header') above = keys(item.path)
    else yield { pair: item, above }
  }
}

function findPair(items: readonly TomlItem[], path: readonly string[]): TomlPair | undefined {
  for (const { pair, above } of pairsWithTable(items)) {
    const found = findIn(pair, above, path)
    if (found !== undefined) return found
  }
  return undefined
}

/** A pair at a path, also one inside of inline tables. */
function findIn(pair: TomlPair, above: readonly string[], path: readonly string[]): TomlPair | undefined {
  const full = [...above, ...keys(pair.path)]
  if (full.length === path.length && startsWith(full, path)) return pair
  if (!startsWith(path, full)) return undefined
  return pair.value.pairs.map((inner) => findIn(inner, full, path)).find((found) => found !== undefined)
}

function keys(path: readonly TomlKey[]): string[] {
  return path.map(({ key }) => key)
}

function isSame(path: TomlHeader['path'], other: readonly string[]): boolean {
  return path.length === other.length && startsWith(keys(path), other)
}

function startsWith(path: readonly string[], start: readonly string[]): boolean {
  return start.every((key, index) => path[index] === key)
}

function startOf(item: TomlItem): number {
  return item.kind === 'header' ? item.at : (item.path[0]?.at ?? 0)
}

function endOf(item: TomlItem): number {
  return item.kind === 'header' ? item.end : item.value.end
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1
}

function endOfLine(text: string, offset: number): number {
  const at = text.indexOf('\n', offset)
  return at < 0 ? text.length : at
}

/** What stands behind an equals sign on one line: a value, or a list of values. */
function isInline(value: Plain): boolean {
  return Array.isArray(value) ? value.every(isLeaf) : isLeaf(value)
}

function isLeaf(value: Plain): boolean {
  return typeof value !== 'object' && value !== null
}

function isTable(value: Plain): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function spell(value: Plain): string {
  return stringify({ value })
    .replace(/^value = /, '')
    .trimEnd()
}

function spellKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key)
}
