import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { projectRoot } from '../readable-tree.ts'

/** A fenced example of a page, and what becomes of it. */
export interface Example {
  /** Below the project's root. */
  readonly page: string
  readonly line: number
  readonly language: string
  readonly body: string
  readonly fate: Fate
}

/**
 * `run`: here. `elsewhere`: by the test that `<!-- run by FILE -->` before it names, or `<!-- LANGUAGE: run by FILE -->` for
 * all examples of a language in a page. `never`: `<!-- not run: REASON -->`.
 */
export type Fate =
  | { readonly kind: 'run' }
  | { readonly kind: 'elsewhere'; readonly file: string }
  | { readonly kind: 'never'; readonly reason: string }

/** What users and those who work on the project read; a changelog and decisions have no examples. */
export const pages: readonly string[] = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'bench/README.md',
  ...globSync('docs/**/*.md', { cwd: projectRoot }).toSorted(),
]

export function textOf(page: string): string {
  return readFileSync(path.join(projectRoot, page), 'utf8')
}

/** Every fenced block of a page; throws for one that does not end. */
export function examplesOf(page: string): Example[] {
  const lines = textOf(page).split('\n')
  const examples: Example[] = []
  for (let at = 0; at < lines.length; at++) {
    const language = /^```(.*)$/.exec(lines[at] ?? '')?.[1]
    if (language === undefined) continue
    const end = lines.indexOf('```', at + 1)
    if (end < 0) throw new Error(`${page}:${at + 1}: an example without an end`)
    const body = lines.slice(at + 1, end).join('\n')
    examples.push({ page, line: at + 1, language, body: `${body}\n`, fate: fateOf(lines.slice(0, at), language) })
    at = end
  }
  return examples
}

function fateOf(before: readonly string[], language: string): Fate {
  const last = before.findLast((line) => line.trim() !== '') ?? ''
  const reason = /^<!-- not run: (.+) -->$/.exec(last)?.[1]
  if (reason !== undefined) return { kind: 'never', reason }
  const all = before.map((line) => /^<!-- (\w+): run by (\S+) -->$/.exec(line)).find((found) => found?.[1] === language)
  const file = /^<!-- run by (\S+) -->$/.exec(last)?.[1] ?? all?.[2]
  return file === undefined ? { kind: 'run' } : { kind: 'elsewhere', file }
}

/** A command of an example in a shell, with the output that is shown for it; undefined: none is shown. */
export interface ShellStep {
  readonly command: string
  readonly output: string | undefined
}

/** `console`: commands behind `$`, and what they print. `sh`: commands only. */
export function stepsOf({ language, body }: Pick<Example, 'language' | 'body'>): ShellStep[] {
  const lines = body.trimEnd().split('\n')
  if (language === 'sh') return lines.filter((line) => line !== '').map((command) => ({ command, output: undefined }))
  const steps: { command: string; output: string | undefined }[] = []
  for (const line of lines) {
    const step = steps.at(-1)
    if (line.startsWith('$ ')) steps.push({ command: line.slice(2), output: undefined })
    else if (step === undefined) throw new Error(`output before any command: ${line}`)
    else step.output = `${step.output ?? ''}${line}\n`
  }
  return steps
}

/**
 * Whether an output is what is shown. `…` stands for anything within a line, alone on a line for any lines; runs of spaces
 * are one, because the width of a column depends on what is in it.
 */
export function matchesShown(shown: string, output: string): boolean {
  const pattern = shown
    .trimEnd()
    .split('\n')
    .map((line) => (line.trim() === '…' ? '(?:.*\\n)*?' : `${escaped(squeezed(line))}\\n`))
    .join('')
  return new RegExp(`^${pattern}$`).test(`${output.trimEnd().split('\n').map(squeezed).join('\n')}\n`)
}

function squeezed(line: string): string {
  return line.replaceAll(/ +/g, ' ').trimEnd()
}

function escaped(line: string): string {
  return line.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`).replaceAll('…', '.*')
}
