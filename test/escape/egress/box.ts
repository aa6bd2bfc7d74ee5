import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { ChildProcess } from 'node:child_process'
import { copyFileSync, chmodSync, chownSync, mkdtempSync } from 'node:fs'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { Runner } from '../../support/as-user.ts'
import { glovebox } from '../../support/mcp-client.ts'
import type { World } from '../../support/world/world.ts'
import type { Report } from '../support/attack.ts'
import { attacksBinary } from '../support/binaries.ts'
import { resolver, type EgressCase, type EgressRoom } from './case.ts'

/** A sandbox, or the host, in which one attack after another is made, each when it is asked for. */
export interface Box {
  readonly child: ChildProcess
  /** Makes the next one. */
  step(): Promise<Report>
  end(): Promise<Ended>
}

export interface Ended {
  readonly code: number | null
  readonly stderr: string
}

/** The attacking program where this runner can start it. */
export function attackerOf(runner: Runner): string {
  const file = path.join(mkdtempSync(path.join(runner.tmp, 'egress-')), 'attacks')
  copyFileSync(attacksBinary(runner), file)
  for (const name of [file, path.dirname(file)]) {
    chownSync(name, runner.uid, runner.gid)
    chmodSync(name, 0o755)
  }
  return file
}

export function wordsOf(cases: readonly EgressCase[], how: 'step' | 'run' = 'step'): string[] {
  const each = cases.map(({ id, attack, args }) => [
    `${id}:${attack}`,
    ...Object.entries(args).map(([key, value]) => `${key}=${value}`),
  ])
  return [how, ...each.flatMap((words, index) => (index === 0 ? words : ['--', ...words]))]
}

/** The policy flags of a room. */
export function flagsOf(
  { allow, private: ranges = [], secrets }: Pick<EgressRoom, 'allow' | 'private' | 'secrets'>,
  driver: string,
): string[] {
  return [
    '--driver',
    driver,
    '--resolver',
    resolver,
    ...allow.flatMap((rule) => ['--allow-net', rule]),
    ...ranges.flatMap((range) => ['--allow-private', range]),
    ...(secrets?.flags ?? []).flatMap((secret) => ['--secret', secret]),
  ]
}

export interface BoxOptions {
  readonly world: World
  readonly runner: Runner
  readonly attacker: string
  readonly words: readonly string[]
  /** Policy flags; undefined: on the host, without a sandbox. */
  readonly flags: readonly string[] | undefined
  /** Beside the runner's own. */
  readonly env?: Readonly<Record<string, string>> | undefined
}

export function openBox({ world, runner, attacker, words, flags, env }: BoxOptions): Box {
  const command =
    flags === undefined ? [attacker, ...words] : glovebox(runner, ['exec', ...flags, '--', attacker, ...words])
  const [program = '', ...args] = command
  const [file, ...rest] = world.within(runner, program, args)
  // The one that starts it is the suite's own: who it becomes is told in the words.
  const child = runner.spawn(file, rest, {
    ...(process.getuid?.() === 0 ? { uid: 0, gid: 0 } : {}),
    env: { ...runner.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr?.on('data', (data: Buffer) => (stderr += data.toString()))
  const stdin = child.stdin as Writable
  // A sandbox that did not start tells why by its stderr.
  stdin.on('error', () => undefined)
  const ended = once(child, 'close')
  const lines = createInterface({ input: child.stdout as Readable })[Symbol.asyncIterator]()
  return {
    child,
    async step() {
      stdin.write('\n')
      const next = await lines.next()
      if (next.done === true) throw new Error(`the attacking program is gone: ${stderr}`)
      return JSON.parse(next.value) as Report
    },
    async end() {
      stdin.end()
      const [code] = (await ended) as [number | null]
      return { code, stderr }
    },
  }
}
