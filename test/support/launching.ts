import assert from 'node:assert/strict'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { removeTree } from '../../src/packages/store/staging.ts'
import type { ListReply, ServerStatus } from '../../src/protocol/daemon.ts'
import type { Runner } from './as-user.ts'
import { shareCompiled } from './compiled.ts'
import { glovebox } from './mcp-client.ts'

/** A place of its own for a daemon, and our verbs in it. */
export interface Household {
  readonly runner: Runner
  /** All of its files: `GLOVEBOX_HOME`. */
  readonly home: string
  readonly env: Readonly<Record<string, string>>
  /** Runs a verb to its end, which must be a good one. */
  ok(verb: string, ...words: string[]): string
  verb(verb: string, ...words: string[]): Ended
  verb(options: { readonly input: string }, ...words: string[]): Ended
  /** The JSON document of a verb. */
  json(verb: string, ...words: string[]): unknown
  launch(...words: string[]): LaunchedHere
  status(): StatusHere
  /** Of the daemon that runs. */
  pid(): number
}

export type LaunchedHere = ServerStatus & { readonly tools: number; readonly fromPool: boolean }

export interface StatusHere extends ListReply {
  readonly sandboxes: readonly {
    readonly id: string
    readonly name: string
    readonly pid: number
    readonly memoryBytes: number | null
    readonly spare: boolean
  }[]
}

export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Without a daemon at first, and without one at the end of the test. */
export function household(t: TestContext, runner: Runner, more: Readonly<Record<string, string>> = {}): Household {
  const home = mkdtempSync('/tmp/glovebox-home-')
  chownSync(home, runner.uid, runner.gid)
  const env = { ...runner.env, GLOVEBOX_HOME: home, ...more }
  shareCompiled(home, runner)
  const verb = (first: string | { readonly input: string }, ...more: string[]): Ended => {
    const [words, options] = typeof first === 'string' ? [[first, ...more], {}] : [more, first]
    const [program, ...args] = glovebox(runner, words)
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    return runner.spawnSync('env', ['-i', ...variables, program, ...args], options)
  }
  const ok = (word: string, ...more: string[]): string => {
    const words = [word, ...more]
    const { status, stdout, stderr } = verb(word, ...more)
    assert.equal(status, 0, `${words.join(' ')}: ${stderr}${stdout}`)
    return stdout
  }
  t.after(() => {
    const { status, stderr } = verb('daemon', 'stop')
    removeTree(home)
    assert.equal(status, 0, stderr)
  })
  return {
    runner,
    home,
    env,
    ok,
    verb,
    json: (word, ...words) => JSON.parse(ok(word, '--json', ...words)),
    launch: (...words) => JSON.parse(ok('launch', '--json', ...words)) as LaunchedHere,
    status: () => JSON.parse(ok('status', '--json')) as StatusHere,
    pid: () => (JSON.parse(readFileSync(path.join(home, 'runtime/daemon.json'), 'utf8')) as { pid: number }).pid,
  }
}

/** A server of the npm packages that the project tests with. */
export function everything(runner: Runner): string[] {
  return [runner.node, path.join(runner.root, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js')]
}

export function tiny(runner: Runner): string[] {
  return [runner.node, path.join(runner.root, 'test/fixtures/tiny-server.mjs')]
}

/** Counts its calls, dies and waits on demand. */
export function moody(runner: Runner): string[] {
  return [runner.node, path.join(runner.root, 'test/fixtures/moody-server.mjs')]
}

/** A configuration in the household's own place: servers by name. */
export function configure(house: Household, servers: Readonly<Record<string, object>>): void {
  const directory = path.join(house.home, 'config')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const file = path.join(directory, 'glovebox.json')
  writeFileSync(file, JSON.stringify({ mcpServers: servers }))
  for (const each of [directory, file]) chownSync(each, house.runner.uid, house.runner.gid)
}
