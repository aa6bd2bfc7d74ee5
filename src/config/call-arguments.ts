import { text } from 'node:stream/consumers'
import { GloveboxError } from '../errors.ts'
import { readSource } from './source.ts'

/**
 * The arguments of a tool: JSON, `@FILE`, or `-` for stdin.
 * @throws GloveboxError USAGE for what is no JSON object
 */
export async function readArguments(given: string): Promise<Readonly<Record<string, unknown>>> {
  const words =
    given === '-' ? await text(process.stdin) : given.startsWith('@') ? readSource(given.slice(1)).text : given
  const value = parse(words)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new GloveboxError(
    'USAGE',
    `the arguments of a tool are a JSON object, and this is not: ${words.slice(0, 80)}`,
    {
      fix: `quote it for the shell: '{"path": "/tmp"}'`,
    },
  )
}

function parse(words: string): unknown {
  try {
    return JSON.parse(words)
  } catch {
    return undefined // told by the caller, with what it is
  }
}
