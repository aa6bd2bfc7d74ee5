import { globSync } from 'node:fs'
import path from 'node:path'
import type { Command } from './outcome.ts'

export const root: string = path.resolve(import.meta.dirname, '..')

/** A command whose success is one line and whose failure is all that it said. */
export interface Check extends Command {
  readonly name: string
}

const native = path.join(root, 'native')
const bin = (name: string): string => path.join(root, 'node_modules', '.bin', name)

/** The slowest first, so that the others fit beside it. */
export function checks(cargo: string = 'cargo'): Check[] {
  return [
    {
      name: 'rust tests',
      program: cargo,
      args: ['test', '--quiet', '--locked', '--workspace', '--lib', '--bins'],
      cwd: native,
    },
    {
      name: 'clippy',
      program: cargo,
      args: ['clippy', '--quiet', '--locked', '--workspace', '--all-targets', '--', '-D', 'warnings'],
      cwd: native,
    },
    {
      name: 'unit tests',
      program: process.execPath,
      args: ['--test', '--test-reporter=./tools/testing/reporter.ts', ...unitTests()],
      cwd: root,
    },
    { name: 'types', program: bin('tsc'), args: ['--project', 'tsconfig.json'], cwd: root },
    { name: 'lint', program: bin('oxlint'), args: ['--deny-warnings'], cwd: root },
    { name: 'format', program: bin('oxfmt'), args: ['--check', '.'], cwd: root },
    { name: 'rust format', program: cargo, args: ['fmt', '--all', '--check'], cwd: native },
  ]
}

/** What `npm run fix` runs, one after another: formatting last, over what the linters changed. */
export function repairs(cargo: string = 'cargo'): Check[] {
  return [
    { name: 'lint', program: bin('oxlint'), args: ['--fix'], cwd: root },
    {
      name: 'clippy',
      program: cargo,
      args: ['clippy', '--quiet', '--fix', '--allow-dirty', '--allow-staged', '--workspace', '--all-targets'],
      cwd: native,
    },
    { name: 'format', program: bin('oxfmt'), args: ['.'], cwd: root },
    { name: 'rust format', program: cargo, args: ['fmt', '--all'], cwd: native },
  ]
}

/** Beside their sources, and those of the tools and of the tests' own support. */
export function unitTests(): string[] {
  return globSync(['src/**/*.test.ts', 'tools/**/*.test.ts', 'test/support/**/*.test.ts', 'bench/**/*.test.ts'], {
    cwd: root,
    exclude: (name) => name.includes('node_modules'),
  }).toSorted()
}
