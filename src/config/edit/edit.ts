import { isDeepStrictEqual } from 'node:util'
import { GloveboxError } from '../../errors.ts'
import { SyntaxProblem } from '../problem.ts'
import { parseAs, type Spelling } from '../spelling.ts'
import { plainOf, spellPath, type KeyPath, type Plain } from '../tree.ts'

/** One change of a configuration: of a server, or of a key of one. */
export type Edit =
  | { readonly kind: 'set'; readonly path: readonly string[]; readonly value: Plain }
  | { readonly kind: 'remove'; readonly path: readonly string[] }

/**
 * A text with a change made to it, and everything else left as it is. What comes out is read again: an edit that did
 * not say what it was to say, or changed anything beside, is not made.
 * @throws GloveboxError FAILED with what to write by hand
 */
export async function editText(spelling: Spelling, text: string, edit: Edit): Promise<string> {
  const wanted = change(plainOf(await parseAs(spelling, text)), edit.path, edit)
  const edited = await editAs(spelling, text, edit)
  if (edited !== undefined && (await says(spelling, edited, wanted))) return edited
  const key = spellPath(edit.path)
  throw new GloveboxError('FAILED', `${key} cannot be edited without touching what is around it`, {
    fix: edit.kind === 'remove' ? `remove ${key} by hand` : await byHand(spelling, text, edit, wanted),
  })
}

/** What to type, and where: TOML has no second place for a table that stands in one piece, or has keys with dots. */
async function byHand(
  spelling: Spelling,
  text: string,
  { path, value }: Extract<Edit, { kind: 'set' }>,
  wanted: Plain,
): Promise<string> {
  const nested = path.reduceRight<Plain>((inner, key) => ({ [key]: inner }), value)
  if (spelling !== 'toml') return `write by hand: ${JSON.stringify(nested)}`
  const line = `${path.map(tomlKey).join('.')} = ${inlineToml(value)}`
  if (await says(spelling, `${line}\n${text}`, wanted)) return `write as the first line: ${line}`
  const last = path.at(-1) ?? ''
  return `write by hand, into ${spellPath(path.slice(0, -1)) || 'the file'}: ${tomlKey(last)} = ${inlineToml(value)}`
}

function tomlKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key)
}

function inlineToml(value: Plain): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (isList(value)) return `[${value.map(inlineToml).join(', ')}]`
  const pairs = Object.entries(value).map(([key, item]) => `${tomlKey(key)} = ${inlineToml(item ?? null)}`)
  return `{ ${pairs.join(', ')} }`
}

async function editAs(spelling: Spelling, text: string, edit: Edit): Promise<string | undefined> {
  switch (spelling) {
    case 'json':
      return (await import('../json/edit.ts')).editJson(text, edit)
    case 'toml':
      return (await import('../toml/edit.ts')).editToml(text, edit)
    case 'yaml':
      return (await import('../yaml/edit.ts')).editYaml(text, edit)
  }
}

/** Whether a text says what it is to say, up to tables with nothing in them. */
async function says(spelling: Spelling, text: string, wanted: Plain): Promise<boolean> {
  try {
    const plain = plainOf(await parseAs(spelling, text))
    return isDeepStrictEqual(withoutEmpty(plain), withoutEmpty(wanted))
  } catch (error) {
    if (error instanceof SyntaxProblem) return false
    throw error
  }
}

/** TOML has no way to keep a table when its last entry is removed. */
function withoutEmpty(plain: Plain): Plain {
  if (typeof plain !== 'object' || plain === null || isList(plain)) return plain
  const kept = Object.entries(plain)
    .map(([key, value]) => [key, withoutEmpty(value ?? null)] as const)
    .filter(
      ([, value]) =>
        !(typeof value === 'object' && value !== null && !isList(value) && Object.keys(value).length === 0),
    )
  return Object.fromEntries(kept)
}

function isList(value: Plain): value is readonly Plain[] {
  return Array.isArray(value)
}

function change(plain: Plain, [key, ...rest]: KeyPath, edit: Edit): Plain {
  if (key === undefined) return edit.kind === 'set' ? edit.value : plain
  const table: Record<string, Plain> = Object.create(null)
  const before = typeof plain === 'object' && plain !== null && !isList(plain) ? Object.entries(plain) : []
  for (const [name, value] of before) table[name] = value ?? null
  const name = String(key)
  if (rest.length === 0 && edit.kind === 'remove') delete table[name]
  else if (edit.kind === 'set' || name in table) table[name] = change(table[name] ?? {}, rest, edit)
  return table
}
