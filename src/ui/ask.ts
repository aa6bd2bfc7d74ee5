import { createInterface } from 'node:readline/promises'
import { untrusted } from './untrusted.ts'

/** Asks one thing on the terminal; the question goes to stderr, since the answer of a verb is on stdout. */
export async function askOnTerminal(asked: {
  readonly name: string
  readonly about: string
  readonly required: boolean
  readonly default?: string
  readonly choices?: readonly string[]
}): Promise<string> {
  const { name, about, required, choices } = asked
  const hints = [
    ...(choices === undefined ? [] : [`one of ${choices.join(', ')}`]),
    ...(asked.default === undefined ? [] : [`default ${asked.default}`]),
    ...(required ? [] : ['may stay empty']),
  ]
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await lines.question(
      `${untrusted(`${name}${about === '' ? '' : ` (${about})`}${hints.length > 0 ? ` [${hints.join('; ')}]` : ''}`)}: `,
    )
  } finally {
    lines.close()
  }
}

/** A yes or no of the person at the terminal; anything but `y` and `yes` is a no, and so is leaving. */
export async function askPlainly(question: string, signal: AbortSignal): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    // Ctrl-C and the end of the input close the line without an answer.
    const left = new Promise<string>((resolve) => void lines.once('close', () => resolve('')))
    const answered = lines.question(`${question} [y/N] `, { signal })
    return /^y(es)?$/i.test((await Promise.race([answered.catch(() => ''), left])).trim())
  } finally {
    lines.close()
  }
}
