import { parseTree, type Node } from 'jsonc-parser'
import type { Edit } from '../edit/edit.ts'
import type { Plain } from '../tree.ts'

/** A stretch of text that is replaced. */
interface Splice {
  readonly from: number
  readonly to: number
  readonly text: string
}

/**
 * JSON with one change, every other byte as it was. The package's own `modify` lays out what is around anew
 * and loses count of trailing commas, so only its tree is used.
 */
export function editJson(text: string, edit: Edit): string | undefined {
  const start = text.startsWith('\u{FEFF}') ? 1 : 0
  const body = text.slice(start)
  const root = parseTree(body, [], { allowTrailingComma: true })
  if (root === undefined) {
    // Nothing, or only comments, one of which may be without an end of line.
    const gap = text === '' || text.endsWith('\n') ? '' : eolOf(text)
    return edit.kind === 'set' ? `${text}${gap}${write(nested(edit.path, edit.value), '', '  ')}\n` : text
  }
  const splices = edit.kind === 'set' ? setIn(body, root, edit.path, edit.value) : removeIn(body, root, edit.path)
  return splices && text.slice(0, start) + splice(body, splices)
}

function splice(text: string, splices: readonly Splice[]): string {
  const eol = eolOf(text)
  let result = text
  for (const { from, to, text: fresh } of splices.toSorted((a, b) => b.from - a.from)) {
    result = result.slice(0, from) + fresh.replaceAll(/\r?\n/g, eol) + result.slice(to)
  }
  return result
}

/** The value at the end of a path, wrapped into the keys that are not there yet. */
function nested(path: readonly string[], value: Plain): Plain {
  return path.reduceRight<Plain>((inner, key) => ({ [key]: inner }), value)
}

function setIn(text: string, root: Node, path: readonly string[], value: Plain): Splice[] | undefined {
  let at = root
  for (const [index, key] of path.entries()) {
    if (at.type !== 'object') return undefined
    const next = property(at, key)?.children?.[1]
    if (next === undefined) return insert(text, at, key, nested(path.slice(index + 1), value))
    at = next
  }
  const indent = indentAt(text, at.offset)
  return [{ from: at.offset, to: end(at), text: write(value, indent, unitOf(text)) }]
}

function removeIn(text: string, root: Node, path: readonly string[]): Splice[] | undefined {
  let at: Node | undefined = root
  for (const key of path.slice(0, -1)) at = at && property(at, key)?.children?.[1]
  const found = at && property(at, path.at(-1) ?? '')
  if (at === undefined || found === undefined) return []
  const siblings = at.children ?? []
  const before = siblings[siblings.indexOf(found) - 1]
  const comma = commaAfter(text, end(found))
  const splices: Splice[] = []
  if (comma === undefined && before !== undefined) {
    const last = commaAfter(text, end(before))
    if (last !== undefined && !text.slice(last, end(found)).includes('\n'))
      return [{ from: last, to: end(found), text: '' }]
    if (last !== undefined) splices.push({ from: last, to: last + 1, text: '' })
  }
  const [from, to] = wholeLines(text, found.offset, comma === undefined ? end(found) : comma + 1)
  return [...splices, { from, to, text: '' }]
}

/** Stretched over its lines, with a comment behind it, when nothing else is on them. */
function wholeLines(text: string, from: number, to: number): [number, number] {
  const lineStart = text.lastIndexOf('\n', from - 1) + 1
  const tail = /[ \t]*(?:\/\/[^\r\n]*|\/\*[^\n]*?\*\/[ \t]*)?\r?(?:\n|$)/y
  tail.lastIndex = to
  const rest = tail.exec(text)
  if (/^[ \t]*$/.test(text.slice(lineStart, from)) && rest !== null) return [lineStart, to + rest[0].length]
  const blanks = /[ \t]*/y
  blanks.lastIndex = to
  return [from, to + (blanks.exec(text)?.[0].length ?? 0)]
}

function insert(text: string, table: Node, key: string, value: Plain): Splice[] {
  const unit = unitOf(text)
  const base = indentAt(text, table.offset)
  const last = table.children?.at(-1)
  const isOneLine = !text.slice(table.offset, end(table)).includes('\n')
  if (last === undefined) {
    const inner = `\n${base}${unit}${JSON.stringify(key)}: ${write(value, base + unit, unit)}`
    // What is between the braces, comments too, stays behind the new key.
    const closing = isOneLine ? `\n${base}` : ''
    return [{ from: table.offset + 1, to: table.offset + 1, text: inner + closing }]
  }
  const comma = commaAfter(text, end(last))
  if (isOneLine) {
    const fresh = `${JSON.stringify(key)}: ${JSON.stringify(value)}`
    return comma === undefined
      ? [{ from: end(last), to: end(last), text: `, ${fresh}` }]
      : [{ from: comma + 1, to: comma + 1, text: ` ${fresh},` }]
  }
  const indent = indentAt(text, last.offset)
  const fresh = `\n${indent}${JSON.stringify(key)}: ${write(value, indent, unit)}`
  const behind = endOfLine(text, comma === undefined ? end(last) : comma + 1)
  if (comma !== undefined) return [{ from: behind, to: behind, text: `${fresh},` }]
  // In one place, the comma comes first; behind a comment on the line it goes in front of that.
  return behind === end(last)
    ? [{ from: behind, to: behind, text: `,${fresh}` }]
    : [
        { from: end(last), to: end(last), text: ',' },
        { from: behind, to: behind, text: fresh },
      ]
}

/** The end of the line when only a comment is left on it, else where we are. */
function endOfLine(text: string, from: number): number {
  const rest = /[ \t]*(?:\/\/[^\r\n]*|\/\*[^\n]*?\*\/[ \t]*)?(?=\r?\n)/y
  rest.lastIndex = from
  const found = rest.exec(text)
  return from + (found?.[0].length ?? 0)
}

/** The comma behind a value, with only blanks and comments between. */
function commaAfter(text: string, from: number): number | undefined {
  const between = /(?:\s|\/\/[^\n]*|\/\*[^]*?\*\/)*,/y
  between.lastIndex = from
  const found = between.exec(text)?.[0]
  return found === undefined ? undefined : from + found.length - 1
}

function property(table: Node, key: string): Node | undefined {
  return table.type === 'object' ? table.children?.find((child) => child.children?.[0]?.value === key) : undefined
}

function end(node: Node): number {
  return node.offset + node.length
}

function indentAt(text: string, offset: number): string {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1
  return /^[ \t]*/.exec(text.slice(lineStart, offset))?.[0] ?? ''
}

/** One step of indentation: that of the first line that has one. */
function unitOf(text: string): string {
  return /^([ \t]+)\S/m.exec(text)?.[1] ?? '  '
}

function eolOf(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n'
}

/** A value laid out by what is around it; short lists stay on a line, as people write arguments. */
function write(value: Plain, indent: string, unit: string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((item) => JSON.stringify(item)).join(', ')}]`
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  if (entries.length === 0) return '{}'
  const inner = indent + unit
  const lines = entries.map(([key, item]) => `${inner}${JSON.stringify(key)}: ${write(item as Plain, inner, unit)}`)
  return `{\n${lines.join(',\n')}\n${indent}}`
}
