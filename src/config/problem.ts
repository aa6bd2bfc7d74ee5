import { GloveboxError } from '../errors.ts'
import { positionsIn, type Source } from './source.ts'
import { spellPath, type KeyPath } from './tree.ts'

/** One thing that is wrong in a configuration file. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly column: number
  /** The key it is about, as `mcpServers.files.sandbox.limits`; empty for the file as a whole. */
  readonly key: string
  readonly why: string
  readonly fix: string
}

interface About {
  readonly path: KeyPath
  readonly why: string
  readonly fix: string
}

export function problemAt(source: Source, offset: number, about: About): Problem {
  return problemsIn(source, [{ ...about, offset }])[0] as Problem
}

/** What was found in a text, with lines and columns. */
export function problemsIn(source: Source, found: readonly (About & { readonly offset: number })[]): Problem[] {
  const positionOf = positionsIn(source.text)
  return found.map(({ offset, path, why, fix }) => ({
    file: source.path,
    ...positionOf(offset),
    key: spellPath(path),
    why,
    fix,
  }))
}

/** `glovebox.json:4:7: mcpServers.files.sandbox: there is no key "memroy" here`. */
export function spellProblem({ file, line, column, key, why }: Problem): string {
  return `${file}:${line}:${column}: ${key === '' ? '' : `${key}: `}${why}`
}

/** The first of some problems as an error, saying how many there are. */
export function problemsError(problems: readonly Problem[]): GloveboxError {
  const [first, ...more] = problems
  if (first === undefined) throw new RangeError('no problem to tell')
  const others = more.length === 0 ? '' : ` (and ${more.length} more: glovebox policy check)`
  return new GloveboxError('POLICY_INVALID', `${spellProblem(first)}${others}`, { fix: first.fix })
}

/** Ends the reading of a file whose syntax is broken. */
export class SyntaxProblem extends Error {
  readonly offset: number
  readonly why: string
  readonly fix: string
  constructor(offset: number, why: string, fix: string) {
    super(why)
    this.offset = offset
    this.why = why
    this.fix = fix
  }
}
