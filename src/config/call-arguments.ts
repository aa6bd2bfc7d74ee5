import { text } from 'node:stream/consumers'
import { GloveboxError } from '../errors.ts'
import { readSource } from './source.ts'

type Arguments = Readonly<Record<string, unknown>>

/**
 * The arguments of a tool: JSON, `@FILE`, `-` for stdin, or each by itself: `KEY=TEXT`, `KEY:=JSON`. None: an empty object.
 * @throws GloveboxError USAGE for what is no JSON object, and for a key that is given twice
 */
export async function readArguments(given: readonly string[]): Promise<Arguments> {
  const [first = '{}', ...more] = given
  if (!isPair(first) && more.length === 0) return objectIn(await whole(first))
  const odd = given.find((word) => !isPair(word))
  if (odd !== undefined) {
    throw new GloveboxError(
      'USAGE',
      `the arguments of a tool are one JSON object or KEY=TEXT words, and this is neither: ${shown(odd)}`,
      {
        fix: 'write KEY=TEXT, or KEY:=JSON for what is no text: path=/tmp depth:=2',
      },
    )
  }
  const pairs = given.map(pairIn)
  const twice = pairs.find(([key], at) => pairs.findIndex(([other]) => other === key) < at)
  if (twice !== undefined) {
    throw new GloveboxError('USAGE', `"${twice[0]}" is given twice`, {
      fix: 'write a list as JSON: KEY:=\'["a", "b"]\'',
    })
  }
  return Object.fromEntries(pairs)
}

async function whole(given: string): Promise<string> {
  if (given === '-') return text(process.stdin)
  return given.startsWith('@') ? readSource(given.slice(1)).text : given
}

function objectIn(words: string): Arguments {
  const value = parse(words)?.value
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new GloveboxError('USAGE', `the arguments of a tool are a JSON object, and this is not: ${shown(words)}`, {
    fix: `quote it for the shell: '{"path": "/tmp"}'; or write path=/tmp`,
  })
}

const pair = /^([A-Za-z_][\w.-]*)(:?=)([^]*)$/

function isPair(word: string): boolean {
  return pair.test(word)
}

function pairIn(word: string): [string, unknown] {
  const [, key = '', how, given = ''] = pair.exec(word) ?? []
  if (how === '=') return [key, given]
  const parsed = parse(given)
  if (parsed !== undefined) return [key, parsed.value]
  throw new GloveboxError('USAGE', `what stands behind ${key}:= is not JSON: ${shown(given)}`, {
    fix: `${key}=TEXT takes it as it is`,
  })
}

function parse(words: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(words) }
  } catch {
    return undefined // told by the caller, with what it is
  }
}

function shown(words: string): string {
  return words.trim() === '' ? 'nothing' : words.slice(0, 80)
}
