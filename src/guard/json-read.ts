import type { JsonScan, Member, Span } from './json-scan.ts'
import { refusal } from './refusal.ts'
import type { Refusal } from './refusal.ts'

/** The text of a string that the scanner accepted, from inside its quotes. */
export function textOf(bytes: Buffer, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    if (bytes[at] === 0x5c) return JSON.parse(bytes.toString('utf8', start - 1, end + 1)) as string
  }
  return bytes.toString('utf8', start, end)
}

export function keyOf(bytes: Buffer, member: Member): string {
  return textOf(bytes, member.keyStart, member.keyEnd)
}

/**
 * That of these words, plain ASCII, which stands there byte for byte; absent also for one that is spelled with escapes. Most keys
 * and methods are known words, and making a text of bytes takes longer than comparing them.
 */
export function wordAt<Word extends string>(
  bytes: Buffer,
  start: number,
  end: number,
  words: readonly Word[],
): Word | undefined {
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as Word
    if (word.length === end - start && isAt(bytes, start, word)) return word
  }
  return undefined
}

/** Whether the member has this key, in whichever spelling. */
export function hasKey(bytes: Buffer, member: Member, key: string): boolean {
  const length = member.keyEnd - member.keyStart
  // Only with an escape, which is longer than what it stands for, it could be that key and have another length.
  return length > key.length ? keyOf(bytes, member) === key : length === key.length && isAt(bytes, member.keyStart, key)
}

function isAt(bytes: Buffer, start: number, word: string): boolean {
  for (let at = 0; at < word.length; at++) if (bytes[start + at] !== word.charCodeAt(at)) return false
  return true
}

/** The text of a member that is a string. */
export function stringAt(bytes: Buffer, span: Span): string | undefined {
  return isString(bytes, span) ? textOf(bytes, span.start + 1, span.end - 1) : undefined
}

export function isString(bytes: Buffer, span: Span): boolean {
  return bytes[span.start] === 0x22
}

export function isObject(bytes: Buffer, span: Span): boolean {
  return bytes[span.start] === 0x7b
}

export function isArray(bytes: Buffer, span: Span): boolean {
  return bytes[span.start] === 0x5b
}

/** An object in which every key means one thing, to every parser. */
export type Fields = ReadonlyMap<string, Member>

/**
 * The members of a scanned object by key, or why parsers could disagree about them. Of two equal keys some take the
 * first, most the last, and Go's encoding/json also takes `Name` (or `ſ` for `s`) for `name`: such a variant of a key
 * in `decided` is refused. `__proto__` is a key to one JavaScript program and a prototype to another.
 */
export function fieldsOf(bytes: Buffer, scan: JsonScan, decided: readonly string[], where: string): Fields | Refusal {
  if (scan.fault !== undefined) return refusal(scan.fault, `${where} has too many members.`)
  const fields = new Map<string, Member>()
  for (const member of scan.members) {
    const word = wordAt(bytes, member.keyStart, member.keyEnd, decided)
    const key = word ?? keyOf(bytes, member)
    if (fields.has(key)) return refusal('duplicate-key', `${where} has a key twice.`)
    if (key === '__proto__') return refusal('variant-key', `${where} has the key __proto__.`)
    if (word === undefined && !decided.includes(key)) {
      const meant = variantOf(key, decided)
      if (meant !== undefined) return refusal('variant-key', `${where} has a variant spelling of the key ${meant}.`)
    }
    fields.set(key, member)
  }
  return fields
}

/** The word that a lax reader could take `text` for, when it is not that word. Words are plain ASCII. */
export function variantOf(text: string, words: readonly string[]): string | undefined {
  const folded = /^[\x21-\x7e]*$/.test(text) ? text.toLowerCase() : fold(text)
  return words.find((word) => word !== text && word.toLowerCase() === folded)
}

/** Case, compatibility forms, white space and what is invisible do not count. */
export function fold(text: string): string {
  return text
    .normalize('NFKC')
    .replaceAll(/[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]+/gu, '')
    .toLowerCase()
}

export function isRefusal(value: object): value is Refusal {
  return 'reason' in value
}
