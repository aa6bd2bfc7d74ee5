import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { GloveboxError } from '../errors.ts'

/**
 * The command of a start: operands, or one string split into words.
 * @throws GloveboxError USAGE when there is none, or both, or the string is more than words
 */
export function commandOf(words: readonly string[], line: string | undefined): readonly string[] {
  if (line === undefined) {
    if (words.length > 0) return asGiven(words)
    throw new GloveboxError('USAGE', 'no command was given', { fix: 'glovebox run -- node server.js' })
  }
  if (words.length > 0)
    throw new GloveboxError('USAGE', '--command and operands both name a command', { fix: 'use one of the two' })
  return splitWords(line)
}

/** What Node puts in the place of bytes that are no UTF-8; somebody may also mean the character itself. */
const replaced = '\u{fffd}'

/** The program would be started with other words than were written. */
function asGiven(words: readonly string[]): readonly string[] {
  const changed = words.find((word) => word.includes(replaced))
  if (changed === undefined || isUtf8(readFileSync('/proc/self/cmdline'))) return words
  throw new GloveboxError('USAGE', `the argument "${changed}" is not UTF-8, and Node cannot pass it on as it is`, {
    fix: "let a shell inside make it: exec -- sh -c 'cat a*b', with what it is to see in --read",
  })
}

/**
 * Words as a shell would split them: blanks, single and double quotes, backslash. Nothing is expanded and nothing is run.
 * @throws GloveboxError USAGE for shell operators, substitutions and open quotes; `what` is what it names
 */
export function splitWords(line: string, what: string = '--command'): string[] {
  const words: string[] = []
  let word: string | undefined
  let quote: "'" | '"' | undefined
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? ''
    if (quote !== undefined) {
      if (character === quote) quote = undefined
      else if (quote === '"' && character === '\\' && /["\\$`]/.test(line[at + 1] ?? ''))
        word = (word ?? '') + (line[++at] ?? '')
      else if (quote === '"' && (character === '`' || character === '$')) throw operator(character, what)
      else word = (word ?? '') + character
    } else if (character === "'" || character === '"') {
      quote = character
      word ??= ''
    } else if (character === '\\') {
      if (at + 1 >= line.length) throw unfinished('a backslash', what)
      word = (word ?? '') + (line[++at] ?? '')
    } else if (/[|&;<>()`$\n*?[\]{}~#!]/.test(character)) {
      throw operator(character, what)
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else {
      word = (word ?? '') + character
    }
  }
  if (quote !== undefined) throw unfinished(`a quote (${quote})`, what)
  if (word !== undefined) words.push(word)
  if (words.length === 0) throw new GloveboxError('USAGE', `${what} is empty`, { fix: `${what} 'node server.js'` })
  return words
}

function operator(character: string, what: string): GloveboxError {
  return new GloveboxError(
    'USAGE',
    `${what}: "${character}" is for a shell, and there is none between us and a command`,
    {
      fix: `put it in single quotes if it is meant literally, or run a shell inside: exec -- sh -c '…'`,
    },
  )
}

function unfinished(inside: string, what: string): GloveboxError {
  return new GloveboxError('USAGE', `${what} ends inside ${inside}`, { fix: 'close it' })
}
