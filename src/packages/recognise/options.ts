import { GloveboxError } from '../../errors.ts'

/**
 * What an option of a runner means to us: `value` and `flag` are understood, `ignore` and `ignore-value` change
 * nothing that we promise, and a sentence says why the command cannot be taken over.
 */
export type Meaning =
  | { readonly takes: 'value' | 'flag'; readonly as: string }
  | { readonly takes: 'ignore' | 'ignore-value' }
  | { readonly takes: 'refuse'; readonly why: string; readonly fix: string }

export interface Options {
  readonly found: ReadonlyMap<string, readonly string[]>
  readonly ignored: readonly string[]
  /** What follows the options. */
  readonly rest: readonly string[]
}

/**
 * Reads the options in front of the first operand (or, for `npm exec`, all of them up to `--`).
 * @throws GloveboxError USAGE for an option that is not in the table: a guess could run something else
 */
export function readOptions(
  runner: string,
  words: readonly string[],
  table: Readonly<Record<string, Meaning>>,
  { anywhere = false }: { anywhere?: boolean } = {},
): Options {
  const found = new Map<string, string[]>()
  const ignored: string[] = []
  const operands: string[] = []
  let at = 0
  for (; at < words.length; at++) {
    const word = words[at] ?? ''
    if (word === '--') return { found, ignored, rest: [...operands, ...words.slice(at + 1)] }
    if (!word.startsWith('-') || word === '-') {
      if (!anywhere) break
      operands.push(word)
      continue
    }
    const [name, attached] = splitOption(word)
    const meaning = Object.hasOwn(table, name) ? table[name] : undefined
    if (meaning === undefined) throw unknown(runner, word)
    if (meaning.takes === 'refuse')
      throw new GloveboxError('USAGE', `${runner} ${name}: ${meaning.why}`, { fix: meaning.fix })
    const needsValue = meaning.takes === 'value' || meaning.takes === 'ignore-value'
    const value = needsValue ? (attached ?? words[++at]) : attached
    if (needsValue && value === undefined)
      throw new GloveboxError('USAGE', `${runner} ${name}: a value is missing`, { fix: `write ${name} VALUE` })
    if ('as' in meaning) found.set(meaning.as, [...(found.get(meaning.as) ?? []), value ?? 'true'])
    else ignored.push(name)
  }
  return { found, ignored, rest: [...operands, ...words.slice(at)] }
}

function splitOption(word: string): [string, string | undefined] {
  const at = word.indexOf('=')
  return at < 0 || !word.startsWith('--') ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)]
}

function unknown(runner: string, word: string): GloveboxError {
  return new GloveboxError('USAGE', `${runner} ${word}: Glovebox does not know what this option would change`, {
    fix: `leave it out, or write -- before the package's own options`,
  })
}

export const value = (as: string): Meaning => ({ takes: 'value', as })
export const flag = (as: string): Meaning => ({ takes: 'flag', as })
export const ignore: Meaning = { takes: 'ignore' }
export const ignoreValue: Meaning = { takes: 'ignore-value' }
export const refuse = (why: string, fix: string): Meaning => ({ takes: 'refuse', why, fix })
