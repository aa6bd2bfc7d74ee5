import assert from 'node:assert/strict'
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs'
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

  test('does not take a home with a manifest in it for a package', async () => {
    const { homeSecret, runner, token } = place()
    const script = path.join(runner.home, `script-${place().name}.cjs`)
    const manifest = path.join(runner.home, 'package.json')
    writeFileSync(script, `console.log(require('node:fs').readFileSync(process.argv[2], 'utf8'))`)
    writeFileSync(manifest, '{}')
    try {
      const { code, said, complained } = await run(place(), [runner.node, script, homeSecret])
      assert.notEqual(code, 0)
      assert.ok(!(said + complained).includes(token), 'the key was read')
      assert.match(complained, /ENOENT|EACCES|not visible|cannot see/)
    } finally {
      for (const file of [script, manifest]) rmSync(file)
    }
  })
})

async function execute(place: Place, words: readonly string[]): Promise<string> {
  const { code, said, complained } = await run(place, [place.attacks, ...words])
  assert.equal(code, 0, complained)
  return said
}

async function run(
  place: Place,
  command: readonly string[],
): Promise<{ code: number | null; said: string; complained: string }> {
  const { runner } = place
  const main = path.join(runner.root, 'bin/glovebox.cjs')
  const args = [main, 'exec', '--write', place.ws, '--', ...command]
  const opened = [openSync(place.base, 'r'), openSync(place.secret, 'r')]
  const secrets = { PARENT_SECRET: place.token, AWS_SECRET_ACCESS_KEY: place.token, NODE_OPTIONS: '--no-warnings' }
  const child = runner.spawn(runner.node, args, {
    cwd: place.ws,
    env: { ...runner.env, ...secrets },
    stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', ...opened],
  })
  for (const fd of opened) closeSync(fd)
  const ended = once(child, 'close')
  const [said, complained] = await Promise.all([text(child.stdout as Readable), text(child.stderr as Readable)])
  const [code] = (await ended) as [number | null]
  return { code, said, complained }
}
