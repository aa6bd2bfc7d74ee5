import { parseArgs } from 'node:util'

/** What is asked for on the command line. */
export interface Asked {
  /** In the order in which they were named; empty: the usual ones. */
  readonly cases: readonly string[]
  readonly runs: number
  readonly save: boolean
  readonly json: boolean
  readonly clone: boolean
}

/** @returns the words for whoever asked for help, or for what nobody can do, and the exit code that goes with them */
export function readArguments(
  words: readonly string[],
  known: readonly string[],
): Asked | { readonly say: string; readonly code: 0 | 2 } {
  try {
    const { values, positionals } = parseArgs({ args: [...words], allowPositionals: true, options })
    if (values.help === true) return { say: usage(known), code: 0 }
    const runs = Number(values.runs)
    if (!Number.isSafeInteger(runs) || runs < 1) return wrong(`--runs ${values.runs}: a count, 1 or more, is meant`)
    const unknown = positionals.filter((name) => !known.includes(name))
    if (unknown.length > 0) return wrong(`no case is named ${unknown.join(', ')}; there are ${known.join(', ')}`)
    const { save = false, json = false, clone = false } = values
    return { cases: positionals, runs, save, json, clone }
  } catch (error) {
    if (error instanceof TypeError && 'code' in error) return wrong(error.message.replace(/\. To specify.*/s, ''))
    throw error
  }
}

const options = {
  runs: { type: 'string', default: '200' },
  save: { type: 'boolean' },
  json: { type: 'boolean' },
  clone: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

function wrong(what: string): { say: string; code: 2 } {
  return { say: `bench: ${what}\n  fix: npm run bench -- --help says what there is\n`, code: 2 }
}

function usage(known: readonly string[]): string {
  return `npm run bench -- [CASE…] [options]

Measures whole commands, each beside its baseline in the same run; no case: all but density.
As root, start is measured a second time as an ordinary user.

Cases: ${known.join(', ')}

  --runs N   how often each is measured (200)
  --save     keeps the figures in bench/results, with the machine and the commit
  --json     the figures as JSON, on stdout
  --clone    measures the sources of this clone, and not what a package has
  -h, --help

Examples:
  npm run bench -- start calls
  npm run bench -- initialize --runs 50 --save
`
}
