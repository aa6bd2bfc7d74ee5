import { globSync } from 'node:fs'
import path from 'node:path'
import { areSuitesNested } from '../../test/support/requirement.ts'
import { root, unitTests } from '../checks.ts'

/** A part of `npm test`. */
export type Suite = NodeSuite | CargoSuite | ProgramSuite

interface Part {
  readonly name: string
  /** Computes or downloads, and measures no time: runs beside the others, and gives way to them. */
  readonly aside: boolean
  /** On CI it has the machine to itself: it emulates machines, or compares times. */
  readonly alone: boolean
  /** Root runs it twice: once more, whole, as an ordinary user. */
  readonly asUserToo: boolean
}

export interface NodeSuite extends Part {
  readonly kind: 'node'
  readonly files: readonly string[]
  /** Each file is a process of its own. */
  readonly concurrency: number
  /** A file that waits for what never comes is a failure with a name after this, and not a run without an end. */
  readonly longestFileMs: number
}

export interface CargoSuite extends Part {
  readonly kind: 'cargo'
  readonly cargo: string
}

/** A program whose exit code is the result. */
export interface ProgramSuite extends Part {
  readonly kind: 'program'
  readonly args: readonly string[]
}

const below = (directory: string): string[] => globSync(`test/${directory}/**/*.test.ts`, { cwd: root }).toSorted()

/** Downloads, unpacks and installs: of packages, and of images. */
const isPackages = (file: string): boolean => /^test\/e2e\/(packages|catalog|images)/.test(file)

/** They change the machine for everybody, its control groups, or look at all of it for what is left of the killed. */
const isOfMachine = (file: string): boolean => /\/(doctor|orphans)\.test\.ts$/.test(file)

/** Machines in machines, for minutes, each with all processors of its own. */
const isNested = (file: string): boolean => file.startsWith('test/e2e/nested-')

/** Each says itself how long it may take, half an hour at most; an hour where whole suites are asked for. */
const longestNestedMs = (areSuitesNested() ? 65 : 35) * 60_000

const isRest = (file: string): boolean => !isPackages(file) && !isOfMachine(file) && !isNested(file)

export function suites(long: boolean, cargo: string = 'cargo'): Suite[] {
  const ofFiles = { kind: 'node', longestFileMs: 15 * 60_000 } as const
  const inFront = { ...ofFiles, concurrency: 1, aside: false, alone: false, asUserToo: false } as const
  const aside = { aside: true, alone: false, asUserToo: false } as const
  // Files that wait half of their time; in the long counts CI has each by itself, so that a slow one is slow of its own.
  const waiting = { concurrency: long ? 1 : 2 } as const
  return [
    { ...inFront, name: 'contract', files: below('contract'), alone: true, asUserToo: true },
    { ...inFront, ...waiting, name: 'e2e', files: below('e2e').filter(isRest) },
    { ...inFront, name: 'e2e one by one', files: below('e2e').filter(isOfMachine) },
    { ...inFront, ...waiting, name: 'escape', files: below('escape') },
    { ...ofFiles, ...aside, ...waiting, name: 'unit', files: unitTests() },
    { ...aside, kind: 'cargo', name: 'rust', cargo },
    { ...ofFiles, ...aside, name: 'packages', files: below('e2e').filter(isPackages), concurrency: 2 },
    { ...inFront, name: 'nested', files: below('e2e').filter(isNested), alone: true, longestFileMs: longestNestedMs },
    ...fuzzers(long),
  ]
}

interface Effort {
  readonly cases: number
  readonly seconds: number
}

/** The guard is what stands before every client, a case of the inside is one frame; one of the others is a whole file, and takes ten times as long. */
function effortFor(name: string, long: boolean): Effort {
  if (name === 'guard') return long ? { cases: 1_000_000, seconds: 60 } : { cases: 50_000, seconds: 10 }
  if (name === 'inside') return long ? { cases: 500_000, seconds: 30 } : { cases: 50_000, seconds: 5 }
  if (name === 'archives') return long ? { cases: 20_000, seconds: 30 } : { cases: 2000, seconds: 5 }
  if (name === 'secrets') return long ? { cases: 1_000_000, seconds: 30 } : { cases: 50_000, seconds: 5 }
  if (name === 'egress') return long ? { cases: 200_000, seconds: 30 } : { cases: 20_000, seconds: 5 }
  return long ? { cases: 40_000, seconds: 20 } : { cases: 4_000, seconds: 5 }
}

/** Each program in fuzz/: a fixed seed always, then for some seconds a random one, which it prints. */
function fuzzers(long: boolean): ProgramSuite[] {
  const programs = globSync('fuzz/*.ts', { cwd: root }).filter((file) => !file.endsWith('.test.ts'))
  return programs.toSorted().flatMap((file) => {
    const name = path.basename(file, '.ts')
    const { cases, seconds } = effortFor(name, long)
    const part = { kind: 'program', aside: true, alone: false, asUserToo: false } as const
    const fixed = { ...part, name: `fuzz ${name}`, args: [file, '--seed', '1', '--cases', `${cases}`] }
    const random = { ...part, name: `fuzz ${name}, random`, args: [file, '--seconds', `${seconds}`] }
    return [fixed, random]
  })
}
