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

/** Each program in fuzz/: a fixed seed always, and where there is time a random one, which it prints. */
function fuzzers(long: boolean): ProgramSuite[] {
  const programs = globSync('fuzz/*.ts', { cwd: root }).filter((file) => !file.endsWith('.test.ts'))
  return programs.toSorted().flatMap((file) => {
    const name = `fuzz ${path.basename(file, '.ts')}`
    const fixed = { kind: 'program', name, args: [file, '--seed', '1', '--cases', long ? '1000000' : '50000'] } as const
    const random = { kind: 'program', name: `${name}, random`, args: [file, '--seconds', long ? '60' : '10'] } as const
    return [fixed, random]
  })
}
