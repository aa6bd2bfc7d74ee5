/**
 * Where things stand in a TOML text that the parser has already accepted: the parser gives values without places.
 * Only the structure is read here, never a value, and only what the grammar (toml.io/en/v1.1.0) allows has to be known.
 */
export type TomlItem = TomlHeader | TomlPair

export interface TomlHeader {
  readonly kind: 'header'
  readonly path: readonly TomlKey[]
  readonly isArray: boolean
  /** From its bracket to behind its closing bracket. */
  readonly at: number
  readonly end: number
}

export interface TomlPair {
  readonly kind: 'pair'
  readonly path: readonly TomlKey[]
  readonly value: TomlPlace
}

export interface TomlKey {
  readonly key: string
  readonly at: number
}

/** A value's place, and the places of what is in it. */
export interface TomlPlace {
  readonly at: number
  readonly end: number
  readonly items: readonly TomlPlace[]
  readonly pairs: readonly TomlPair[]
}

/** Every header and every pair outside of inline tables, in the order of the text. */
export function scanToml(text: string): TomlItem[] {
  const cursor = { text, at: text.startsWith('\u{FEFF}') ? 1 : 0 }
  const items: TomlItem[] = []
  for (skipVoid(cursor); cursor.at < text.length; skipVoid(cursor)) {
    items.push(text[cursor.at] === '[' ? header(cursor) : pair(cursor, '='))
  }
  return items
}

interface Cursor {
  readonly text: string
  at: number
}

function header(cursor: Cursor): TomlHeader {
  const { at } = cursor
  const isArray = cursor.text[at + 1] === '['
  cursor.at += isArray ? 2 : 1
  const path = keyPath(cursor, ']')
  cursor.at += isArray ? 2 : 1
  return { kind: 'header', path, isArray, at, end: cursor.at }
}

function pair(cursor: Cursor, equals: '='): TomlPair {
  const path = keyPath(cursor, equals)
  cursor.at++
  skipVoid(cursor)
  return { kind: 'pair', path, value: value(cursor) }
}

function keyPath(cursor: Cursor, end: string): TomlKey[] {
  const path: TomlKey[] = []
  for (;;) {
    skipVoid(cursor)
    path.push(key(cursor))
    skipVoid(cursor)
    const next = cursor.text[cursor.at]
    if (next === end) return path
    if (next !== '.') throw astray(cursor)
    cursor.at++
  }
}

function key(cursor: Cursor): TomlKey {
  const { at } = cursor
  const quote = cursor.text[at]
  if (quote === '"' || quote === "'") {
    skipString(cursor)
    const inner = cursor.text.slice(at + 1, cursor.at - 1)
    return { key: quote === "'" ? inner : unescape(inner), at }
  }
  const bare = match(cursor, /[A-Za-z0-9_-]+/y)
  if (bare === '') throw astray(cursor)
  return { key: bare, at }
}

/** The escapes of basic strings (toml.io/en/v1.1.0#string); the parser has refused all others. */
function unescape(text: string): string {
  const short: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r', e: '\u{1B}' }
  return text.replaceAll(
    /\\(?:x([\dA-Fa-f]{2})|u([\dA-Fa-f]{4})|U([\dA-Fa-f]{8})|(.))/g,
    (_whole, two: string | undefined, four: string | undefined, eight: string | undefined, one: string | undefined) => {
      const hex = two ?? four ?? eight
      return hex === undefined ? (short[one ?? ''] ?? one ?? '') : String.fromCodePoint(Number.parseInt(hex, 16))
    },
  )
}

function value(cursor: Cursor): TomlPlace {
  const { at } = cursor
  const first = cursor.text[at]
  if (first === '[') return list(cursor)
  if (first === '{') return inlineTable(cursor)
  if (first === '"' || first === "'") skipString(cursor)
  else {
    const bare = match(cursor, /[^,\]}#\r\n]+/y)
    cursor.at -= bare.length - bare.trimEnd().length
  }
  if (cursor.at === at) throw astray(cursor)
  return { at, end: cursor.at, items: [], pairs: [] }
}

function list(cursor: Cursor): TomlPlace {
  const at = cursor.at++
  const items: TomlPlace[] = []
  for (skipVoid(cursor); cursor.text[cursor.at] !== ']'; skipVoid(cursor)) {
    items.push(value(cursor))
    comma(cursor, ']')
  }
  return { at, end: ++cursor.at, items, pairs: [] }
}

function inlineTable(cursor: Cursor): TomlPlace {
  const at = cursor.at++
  const pairs: TomlPair[] = []
  for (skipVoid(cursor); cursor.text[cursor.at] !== '}'; skipVoid(cursor)) {
    pairs.push(pair(cursor, '='))
    comma(cursor, '}')
  }
  return { at, end: ++cursor.at, items: [], pairs }
}

function comma(cursor: Cursor, end: string): void {
  skipVoid(cursor)
  if (cursor.text[cursor.at] === ',') cursor.at++
  else if (cursor.text[cursor.at] !== end) throw astray(cursor)
}

function skipString(cursor: Cursor): void {
  const { text, at } = cursor
  const quote = text[at] ?? ''
  if (!text.startsWith(quote.repeat(3), at)) {
    match(cursor, quote === '"' ? /"(?:[^"\\]|\\.)*"/y : /'[^']*'/y)
    if (cursor.at === at) throw astray(cursor)
    return
  }
  cursor.at += 3
  for (;;) {
    if (cursor.at >= text.length) throw astray(cursor)
    if (quote === '"' && text[cursor.at] === '\\') cursor.at += 2
    else if (text.startsWith(quote.repeat(3), cursor.at)) break
    else cursor.at++
  }
  cursor.at += 3
  // Up to two quotes in front of the closing three belong to the text.
  for (let more = 0; more < 2 && text[cursor.at] === quote; more++) cursor.at++
}

/** Space, line breaks and comments: where they may not stand, the parser has refused them. */
function skipVoid(cursor: Cursor): void {
  match(cursor, /(?:[ \t\r\n]|#[^\n]*)*/y)
}

function match(cursor: Cursor, pattern: RegExp): string {
  pattern.lastIndex = cursor.at
  const found = pattern.exec(cursor.text)?.[0] ?? ''
  cursor.at += found.length
  return found
}

function astray(cursor: Cursor): Error {
  return new Error(`the TOML scanner does not follow what the parser accepted at offset ${cursor.at}`)
}
