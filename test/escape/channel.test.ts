import assert from 'node:assert/strict'
import { chownSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { openInside, type Inside } from '../../src/inside/client.ts'
import { startProgram } from '../../src/inside/program.ts'
import { connectUnix } from '../../src/system/connect-unix.ts'
import { bombs } from './rooms/bombs.ts'
import { reportsIn, sceneOf, wordsOf } from './support/attack.ts'
import { limits, runJail } from './support/jail.ts'
import { withList } from './support/listed.ts'
import type { Place } from './support/place.ts'
import { assertHeld, attack, attackInJail, withPlaces } from './support/single.ts'
import { appeared } from './support/wait.ts'

/** The path of a channel's socket, in a directory that only the runner enters. */
function doorOf({ base, runner }: Place): string {
  const directory = path.join(base, 'channel')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  chownSync(directory, runner.uid, runner.gid)
  return path.join(directory, 's')
}

/** Its name is there a moment before anybody listens. */
async function enter(socket: string): Promise<Inside> {
  await appeared(socket)
  let refused: unknown
  for (const end = performance.now() + 5000; performance.now() < end; await setImmediate()) {
    try {
      return await openInside(await connectUnix(socket))
    } catch (error) {
      refused = error
      if (!(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')) break
    }
  }
  throw refused
}

/** What a program said on stdout; what it had said, where the sandbox ended first. */
async function run({ connection }: Inside, words: readonly string[]): Promise<string> {
  const said: Buffer[] = []
  const start = {
    argv: words.map((word) => Buffer.from(word)),
    environment: [],
    environmentOnly: false,
    directory: undefined,
    terminal: undefined,
  }
  // One that is killed at its birth, or with its sandbox, has no end to tell of.
  const program = await startProgram(connection, start, (stream, bytes) => {
    if (stream === 'stdout') said.push(Buffer.from(bytes))
  }).catch(() => undefined)
  await program?.ended.catch(() => undefined)
  return Buffer.concat(said).toString('utf8')
}

/** Starts a program again and again, for as long as the sandbox is there. */
async function visit(socket: string, words: readonly string[]): Promise<void> {
  const inside = await enter(socket)
  const ended = inside.connection.closed.then(() => true)
  while (!(await Promise.race([ended, run(inside, words).then(() => false)])));
}

/** Each by another way of counting. */
const thrown = new Set([
  'fork-bomb',
  'memory-anonymous',
  'memory-children',
  'memory-files',
  'memory-sockets',
  'memory-pipes',
])

withPlaces('programs that the host starts in a running sandbox', (place) => {
  test('what a program is made from cannot be taken from it and executed, whatever the list says', async () => {
    const here = place()
    const one = attack('newborn-memory-file', { seconds: 10 })
    const socket = doorOf(here)
    const { plan } = withList(here)
    const { report } = await attackInJail(here, one, {
      plan: { ...plan, channel: { socket } },
      meanwhile: async () => visit(socket, [here.attacks, 'mark']),
    })
    assertHeld(report)
  })

  for (const bomb of bombs.filter(({ name }) => thrown.has(name))) {
    test(`started by the host: ${bomb.title}`, async () => {
      const here = place()
      const socket = doorOf(here)
      let said = ''
      let wasLost = false
      const jail = await runJail(here, ['linger'], {
        plan: { limits: limits(bomb.limits), channel: { socket } },
        meanwhile: async (pid) => {
          const inside = await enter(socket)
          void inside.connection.closed.then(() => (wasLost = true))
          said = await run(inside, [here.attacks, ...wordsOf([bomb], sceneOf(here, 'jail'))])
          if (!wasLost) process.kill(pid, 'SIGTERM')
        },
      })
      const report = reportsIn(said).get(bomb.name)
      // No report: the bomb was ended for what it did, alone or with the whole sandbox.
      const ended = jail.exit?.outOfMemory === true || jail.statuses.some(({ event }) => event === 'limit')
      assert.ok(report !== undefined || ended, `no report, and no limit was hit: ${JSON.stringify(jail.statuses)}`)
      if (report !== undefined) assertHeld(report)
    })
  }
})
