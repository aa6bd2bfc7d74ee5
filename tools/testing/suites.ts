import { globSync } from 'node:fs'
import path from 'node:path'
import { root, unitTests } from '../checks.ts'

/** A part of `npm test`. */
export type Suite = NodeSuite | CargoSuite | ProgramSuite

export interface NodeSuite {
  readonly kind: 'node'
  readonly name: string
  readonly files: readonly string[]
  /** Each file is a process of its own; more than one at a time only where no test measures time or counts processes. */
  readonly concurrency: number
  /** Root runs it twice: once more, whole, as an ordinary user. */
  readonly asUserToo: boolean
}

export interface CargoSuite {
  readonly kind: 'cargo'
  readonly name: string
}

/** A program whose exit code is the result. */
export interface ProgramSuite {
  readonly kind: 'program'
  readonly name: string
  readonly args: readonly string[]
}

const below = (directory: string): string[] => globSync(`test/${directory}/**/*.test.ts`, { cwd: root }).toSorted()

const isPackages = (file: string): boolean => /^test\/e2e\/(packages|catalog)/.test(file)

/** In the order in which they tell the most the soonest. */
export function suites(long: boolean): Suite[] {
  return [
    { kind: 'node', name: 'unit', files: unitTests(), concurrency: 2, asUserToo: false },
    { kind: 'node', name: 'contract', files: below('contract'), concurrency: 1, asUserToo: true },
    {
      kind: 'node',
      name: 'e2e',
      files: below('e2e').filter((file) => !isPackages(file)),
      concurrency: 1,
      asUserToo: false,
    },
    // Mostly waiting for npm and pip.
    { kind: 'node', name: 'packages', files: below('e2e').filter(isPackages), concurrency: 2, asUserToo: false },
    { kind: 'node', name: 'escape', files: below('escape'), concurrency: 1, asUserToo: false },
    { kind: 'cargo', name: 'rust' },
    ...fuzzers(long),
  ]
}

interface Effort {
  readonly cases: number
  readonly seconds: number
}

/** The guard is what stands before every client; a case of the others is a whole file, and takes ten times as long. */
function effortFor(name: string, long: boolean): Effort {
  if (name === 'guard') return long ? { cases: 1_000_000, seconds: 60 } : { cases: 50_000, seconds: 10 }
  return long ? { cases: 40_000, seconds: 20 } : { cases: 4_000, seconds: 5 }
}

/** Each program in fuzz/: a fixed seed always, then for some seconds a random one, which it prints. */
function fuzzers(long: boolean): ProgramSuite[] {
  const programs = globSync('fuzz/*.ts', { cwd: root }).filter((file) => !file.endsWith('.test.ts'))
  return programs.toSorted().flatMap((file) => {
    const name = path.basename(file, '.ts')
    const { cases, seconds } = effortFor(name, long)
    const fixed = { kind: 'program', name: `fuzz ${name}`, args: [file, '--seed', '1', '--cases', `${cases}`] } as const
    const random = { kind: 'program', name: `fuzz ${name}, random`, args: [file, '--seconds', `${seconds}`] } as const
    return [fixed, random]
  })
}
