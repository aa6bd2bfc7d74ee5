import { mkdirSync, chownSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { openInside } from '../../src/inside/client.ts'
import { startProgram } from '../../src/inside/program.ts'
import { connectUnix } from '../../src/system/connect-unix.ts'
import type { JailOptions } from './support/jail.ts'
import type { Place } from './support/place.ts'
import { withList } from './support/listed.ts'
import { assertHeld, attack, attackInJail, withPlaces } from './support/single.ts'
import { appeared } from './support/wait.ts'

/** A sandbox with a channel, by which the host starts programs for as long as its own program runs. */
function visited(place: Place, words: readonly string[], options: JailOptions = {}): JailOptions {
  const directory = path.join(place.base, 'channel')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  chownSync(directory, place.runner.uid, place.runner.gid)
  const socket = path.join(directory, 's')
  return {
    ...options,
    plan: { ...options.plan, channel: { socket } },
    meanwhile: async () => visit(socket, words),
  }
}

async function visit(socket: string, words: readonly string[]): Promise<void> {
  await appeared(socket)
  const inside = await openInside(await connectUnix(socket))
  const start = {
    argv: words.map((word) => Buffer.from(word)),
    environment: [],
    environmentOnly: false,
    directory: undefined,
    terminal: undefined,
  }
  // Until the sandbox ends. A program that was killed at its birth may have no start to tell of.
  const ended = inside.connection.closed.then(() => true)
  const one = async (): Promise<boolean> => {
    const program = await startProgram(inside.connection, start, () => undefined).catch(() => undefined)
    await program?.ended.catch(() => undefined)
    return false
  }
  while (!(await Promise.race([ended, one()])));
}

withPlaces('programs that the host starts in a running sandbox', (place) => {
  test('what a program is made from cannot be taken from it and executed, whatever the list says', async () => {
    const here = place()
    const one = attack('newborn-memory-file', { seconds: 10 })
    const { report } = await attackInJail(here, one, visited(here, [here.attacks, 'mark'], withList(here)))
    assertHeld(report)
  })
})
