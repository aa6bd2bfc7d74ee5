import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { once } from 'node:events'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import { sceneOf, wordsOf } from './support/attack.ts'
import type { Place } from './support/place.ts'
import { assertHeld, attack, only, withPlaces } from './support/single.ts'

/**
 * The whole command line, as a user types it: what the launcher alone cannot show is what our own program
 * lets through. That these attacks work outside is shown where the launcher is tested.
 */
withPlaces('glovebox exec', (place) => {
  test('keeps the environment, descriptors, home and network of whoever types it outside', async () => {
    const { ports } = place().witness
    const attacks = [
      attack('environment', { name: 'PARENT_SECRET' }),
      attack('descriptors', {}),
      attack('descriptor-directory', { target: place().secret }),
      attack('proc-descriptors', { target: place().secret }),
      attack('proc-roots', { target: place().homeSecret }),
      attack('read-path', { target: place().homeSecret }),
      attack('start-directory', { target: place().secret }),
      attack('list-path', { target: place().runner.home }),
      attack('tcp', { host: '127.0.0.1', port: ports['tcp4'] ?? 0 }),
      attack('unix-stream', { socket: `@host-${place().name}-stream` }),
      attack('exec-copy', { dirs: sceneOf(place(), 'jail').writable }),
      attack('setuid-plant', { ws: place().ws }),
      attack('signal', { victim: place().witness.victim, group: place().witness.group }),
      attack('posture', {}),
    ]
    const output = await execute(place(), wordsOf(attacks, sceneOf(place(), 'jail')))
    for (const one of attacks) assertHeld(only(one, output))
    assert.ok(!output.includes(place().token), 'a secret is in the output')
    assert.deepEqual(await place().witness.touched(), [])
  })

  test('gives the program no more of the environment than it is told to', async () => {
    const seen = JSON.parse(await execute(place(), ['describe'])) as { environment: Record<string, string> }
    const names = Object.keys(seen.environment)
    const expected = new Set([
      'GLOVEBOX',
      'PATH',
      'HOME',
      'LANG',
      'LC_ALL',
      'TERM',
      'TMPDIR',
      'TZ',
      'USER',
      'LOGNAME',
      'SHELL',
      'COLORTERM',
    ])
    assert.deepEqual(
      names.filter((name) => !expected.has(name)),
      [],
    )
    assert.equal(seen.environment['HOME'], '/home/user')
  })
})

async function execute(place: Place, words: readonly string[]): Promise<string> {
  const { runner } = place
  const main = path.join(runner.root, 'bin/glovebox.cjs')
  const args = [main, 'exec', '--write', place.ws, '--', place.attacks, ...words]
  const opened = [openSync(place.base, 'r'), openSync(place.secret, 'r')]
  const secrets = { PARENT_SECRET: place.token, AWS_SECRET_ACCESS_KEY: place.token, NODE_OPTIONS: '--no-warnings' }
  const child = runner.spawn(runner.node, args, {
    cwd: place.ws,
    env: { ...runner.env, ...secrets },
    stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', ...opened],
  })
  const ended = once(child, 'close')
  const [said, complained] = await Promise.all([text(child.stdout as Readable), text(child.stderr as Readable)])
  const [code] = (await ended) as [number | null]
  for (const fd of opened) closeSync(fd)
  assert.equal(code, 0, complained)
  return said
}
