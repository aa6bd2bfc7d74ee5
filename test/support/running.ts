import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { ChildProcess } from 'node:child_process'
import type { TestContext } from 'node:test'
import type { Runner } from './as-user.ts'
import { glovebox, start, type Ended } from './mcp-client.ts'
import { eventually } from './eventually.ts'

/** A sandbox that runs until the test is over, and ways into it. */
export interface Running {
  readonly name: string
  /** `glovebox run`'s own process. */
  readonly owner: ChildProcess
  readonly ended: Promise<Ended>
  exec(...words: string[]): Promise<Ended>
  /** `glovebox VERB …`, with pipes. */
  verb(...words: string[]): { child: ChildProcess; ended: Promise<Ended> }
}

/** Starts `sh` in a sandbox of this name, which sleeps. */
export async function running(
  t: TestContext,
  runner: Runner,
  { name = `box-${randomBytes(4).toString('hex')}`, flags = [] }: { name?: string; flags?: readonly string[] } = {},
): Promise<Running> {
  const { child, ended } = start(runner, ['exec', '--name', name, ...flags, '--', 'sh', '-c', 'echo ready; sleep 1000'])
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  let over: Ended | undefined
  void ended.then((end) => (over = end))
  t.after(async () => {
    child.kill('SIGTERM')
    await ended
  })
  await eventually(() => (output.includes('ready') || over !== undefined ? true : undefined))
  assert.equal(over, undefined, over?.stderr)
  const verb = (...words: string[]) => start(runner, words)
  return { name, owner: child, ended, verb, exec: (...words) => verb('exec', name, '--', ...words).ended }
}

/** A command line of ours for a shell of the test's own, quoted. */
export function shellWords(runner: Runner, ...words: string[]): string {
  return glovebox(runner, words)
    .map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
    .join(' ')
}
