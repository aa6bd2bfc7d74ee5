import { createInterface } from 'node:readline/promises'
import { GloveboxError } from '../errors.ts'
import { onTerminal } from './terminal.ts'

/**
 * A yes or no of the person at the terminal; anything but `y` and `yes` is a no.
 * @throws GloveboxError USAGE where nobody can be asked, naming the flag that answers
 */
export async function ask(question: string, flag: string): Promise<boolean> {
  if (!onTerminal()) {
    throw new GloveboxError('USAGE', `${question} There is no terminal to ask on`, { fix: `answer with ${flag}` })
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim())
  } finally {
    lines.close()
  }
}
