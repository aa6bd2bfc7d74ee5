import type { Plain } from '../config/tree.ts'
import type { Item, Learned, NotGiven } from '../policy/learn/learned.ts'
import type { Askers } from '../policy/learn/wishes.ts'
import { shellWord } from '../policy/explain/shell.ts'
import { untrusted } from './untrusted.ts'

/** A `sandbox` of a configuration: what was given before, and what was learned, each with what asked for it. */
export interface Sandbox {
  /** As it is written in the configuration or was said by flags. */
  readonly given: Readonly<Record<string, Plain>>
  readonly learned: Learned
}

/** A line of a list, and what stands behind it. */
interface Line {
  readonly value: string
  readonly comment: string
}

/** JSON with comments, to be put where a configuration has `"sandbox"`, or read as it is. */
export function renderSandbox({ given, learned }: Sandbox, indent: string = ''): string {
  const { filesystem, network, exec, ...others } = given
  const inner = `${indent}  `
  const members = [
    ...Object.entries(others).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`),
    table('filesystem', filesystem, { read: learned.read, write: learned.write }, inner),
    table('network', network, { allow: learned.connect }, inner),
    // The smallest: what is not in it is not executed, the command itself apart.
    `"exec": ${list([...linesOf(exec), ...learned.exec.map(lineOf)], inner)}`,
  ].filter((member) => member !== undefined)
  const refused = learned.notGiven.map((each) => `\n${inner}// ${notGiven(each)}`)
  const comments = refused.length === 0 ? '' : `\n${inner}// Asked for and not given:${refused.join('')}`
  return `{\n${members.map((member) => inner + member).join(',\n')}${comments}\n${indent}}`
}

function table(
  key: string,
  given: Plain | undefined,
  learned: Readonly<Record<string, readonly Item[]>>,
  indent: string,
): string | undefined {
  const inner = `${indent}  `
  const before = typeof given === 'object' && given !== null ? (given as Readonly<Record<string, Plain>>) : {}
  const keys = [...new Set([...Object.keys(before), ...Object.keys(learned)])]
  const members = keys.flatMap((name) => {
    const value = before[name]
    const lines = [...linesOf(value), ...(learned[name] ?? []).map(lineOf)]
    if (value !== undefined && !Array.isArray(value)) return `${inner}${JSON.stringify(name)}: ${JSON.stringify(value)}`
    return lines.length === 0 ? [] : `${inner}${JSON.stringify(name)}: ${list(lines, inner)}`
  })
  return members.length === 0 ? undefined : `${JSON.stringify(key)}: {\n${members.join(',\n')}\n${indent}}`
}

function list(lines: readonly Line[], indent: string): string {
  if (lines.length === 0) return '[]'
  const items = lines.map(({ value, comment }, index) => {
    const comma = index === lines.length - 1 ? '' : ','
    return `${indent}  ${JSON.stringify(value)}${comma} // ${comment}`
  })
  return `[\n${items.join('\n')}\n${indent}]`
}

function linesOf(value: Plain | undefined): Line[] {
  return Array.isArray(value) ? value.map((item) => ({ value: String(item), comment: 'given' })) : []
}

function lineOf({ value, askers, entries }: Item): Line {
  return { value, comment: `${entries === undefined ? '' : `${entries} in it, asked for by `}${who(askers)}` }
}

export function notGiven({ what, why, askers }: NotGiven): string {
  return `${untrusted(what)}: ${untrusted(why)} (${who(askers)})`
}

/** `/usr/bin/git (3 times), /usr/bin/ssh`: the first of many. */
function who(askers: Askers): string {
  const all = [...askers].toSorted(([, a], [, b]) => b - a)
  const named = all.slice(0, 3).map(([name, times]) => `${untrusted(name)}${times === 1 ? '' : ` (${times} times)`}`)
  return `${named.join(', ')}${all.length > named.length ? ` and ${all.length - named.length} more` : ''}`
}

/** The same for a command line. */
export function flagsOf({ read, write, exec, connect }: Learned): string[] {
  const flags = (flag: string, items: readonly Item[]): string[] => items.map(({ value }) => `${flag}=${value}`)
  return [
    ...flags('--read', read),
    ...flags('--write', write),
    ...flags('--allow-net', connect),
    // None besides the command itself is a list, too.
    ...(exec.length === 0 ? ['--exec='] : flags('--exec', exec)),
  ]
}

export function flagLine(learned: Learned): string {
  return flagsOf(learned).map(shellWord).join(' ')
}

/** What a round begins with, for stderr. */
export function roundLine(round: number, { read, write, exec, connect }: Learned): string {
  if (round === 1) return 'round 1: with what its policy has'
  const parts = [
    ...[...read, ...write].map(({ value }) => value),
    ...exec.map(({ value }) => value),
    ...connect.map(({ value }) => value),
  ]
  return `round ${round}: with what it asked for: ${untrusted(parts.join(', '))}`
}
