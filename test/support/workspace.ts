import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { chmodSync, existsSync, lchownSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import type { Runner } from './as-user.ts'
import { eventually } from './eventually.ts'
import { glovebox, type Ended } from './mcp-client.ts'

export interface Place {
  /** The workspace. */
  readonly directory: string
  /** GLOVEBOX_HOME */
  readonly home: string
  readonly put: (name: string, text: string, mode?: number) => string
  readonly read: (name: string) => string
  readonly verb: (...args: string[]) => Ended
  /** The same in the workspace, where names of backups can be left out. */
  readonly here: (...args: string[]) => Ended
  readonly begin: (...args: string[]) => Begun
  readonly copies: () => string[]
  /** Their names, oldest first. */
  readonly backups: () => string[]
  /** The directory of the only one. */
  readonly backup: () => string
}

export interface Begun {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Waits for it to have said something. */
  readonly said: (text: string) => Promise<void>
}

/** A workspace of this runner's, with places of its own where none are given. */
export function place(t: TestContext, runner: Runner, name: string, given?: string): Place {
  const base = path.join(runner.home, name)
  const directory = path.join(base, 'project')
  const home = given ?? path.join(base, 'home')
  const own = (file: string): void => lchownSync(file, runner.uid, runner.gid)
  const make = (file: string): void => {
    if (existsSync(file)) return
    make(path.dirname(file))
    mkdirSync(file)
    own(file)
  }
  for (const each of [directory, home]) make(each)
  t.after(() => {
    // The sandbox may have made directories that nobody enters.
    runner.spawnSync('chmod', ['-R', 'u+rwX', base])
    rmSync(base, { recursive: true, force: true })
  })
  const command = (args: readonly string[]): string[] => ['env', `GLOVEBOX_HOME=${home}`, ...glovebox(runner, args)]
  const begin = (...args: string[]): Begun => {
    const [program = '', ...words] = command(args)
    const child = runner.spawn(program, words, { stdio: 'pipe' })
    let [stdout, stderr] = ['', '']
    child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    const ended = new Promise<Ended>((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
    })
    return {
      child,
      ended,
      said: async (text) => void (await eventually(() => (stdout.includes(text) ? true : undefined))),
    }
  }
  const run = (args: readonly string[], cwd: string): Ended => {
    const [program = '', ...words] = command(args)
    const { status, signal, stdout, stderr } = runner.spawnSync(program, words, { cwd })
    return { code: status, signal, stdout, stderr }
  }
  return {
    directory,
    home,
    put(file, text, mode = 0o644) {
      const full = path.join(directory, file)
      make(path.dirname(full))
      writeFileSync(full, text)
      chmodSync(full, mode)
      own(full)
      return full
    },
    read: (file) => readFileSync(path.join(directory, file), 'utf8'),
    verb: (...args) => run(args, runner.home),
    here: (...args) => run(args, directory),
    begin,
    copies: () => namesIn(path.join(home, 'state/workspaces')),
    backups: () => namesIn(path.join(home, 'state/backups')).toSorted(),
    backup() {
      const [name = '', ...more] = namesIn(path.join(home, 'state/backups'))
      assert.equal(more.length, 0)
      return path.join(home, 'state/backups', name)
    },
  }
}

export function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : []
}

/** `exec` with a copy of a directory. */
export function exec(directory: string, ...more: string[]): string[] {
  return ['exec', '--workspace', directory, ...more]
}

export function sh(script: string): string[] {
  return ['--', 'sh', '-ec', script]
}
