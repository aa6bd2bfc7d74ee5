import { paint } from '../paint.ts'
import { table } from '../../src/ui/table.ts'

const indent = '   '

/** The demo's page: numbered chapters on stdout, in colour on a terminal only. */
export function chapter(number: number, title: string): void {
  process.stdout.write(`\n${paint.bold(`${number}  ${title}`)}\n`)
}

export function say(text: string): void {
  process.stdout.write(`${text.replaceAll(/^(?=.)/gm, indent)}\n`)
}

/** A command as a person would type it. */
export function typed(command: string): void {
  say(`${paint.dim('$')} ${paint.cyan(command)}`)
}

export function rows(lines: readonly (readonly string[])[]): void {
  say(table(lines))
}

/** Shown for what went as it has to, and for what did not. Nothing is told by colour alone. */
export const marks: { readonly good: string; readonly bad: string; readonly cannot: string } = {
  good: paint.green('✓'),
  bad: paint.red('✗'),
  cannot: paint.yellow('–'),
}

/** At most `width` characters of the first line. */
export function short(text: string, width = 60): string {
  const line = text.trim().split('\n')[0] ?? ''
  return line.length <= width ? line : `${line.slice(0, width - 1)}…`
}
