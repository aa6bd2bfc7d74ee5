import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { runners } from '../../support/as-user.ts'
import { household, moody } from '../../support/launching.ts'
import { isLong } from '../../support/requirement.ts'
import { newTraces, tracesOn } from '../orphans/traces.ts'
import { createRandom, named, play, reaped, runtimeFiles } from './rounds.ts'

// ORPHAN-0, for what the daemon owns. GLOVEBOX_SEED=n repeats the choices of a run.
const seed = Number(process.env['GLOVEBOX_SEED'] ?? randomInt(2 ** 31))
/** For each identity: together 100 in the long run. */
const rounds = isLong() ? 100 / runners().length : 10
const roles = ['cli', 'daemon', 'launcher', 'init', 'server'] as const
/** A launch takes about half of it: what starts, what runs and what is started again are all met. */
const longestDelayMs = 1200

for (const runner of runners()) {
  test(`ORPHAN-0: nothing is left of launched servers, whoever is killed and when (${runner.name}, ${rounds} rounds)`, async (t) => {
    t.diagnostic(`seed ${seed}`)
    const random = createRandom(seed)
    const choose = (below: number): number => Math.floor(random() * below)
    const before = tracesOn(runner)
    const marker = `${100_000 + choose(900_000)}.${100_000 + choose(900_000)}`
    const house = household(t, runner, { GLOVEBOX_INSIDE: named(t, runner, marker) })
    for (let round = 0; round < rounds; round++) {
      const role = roles[choose(roles.length)] ?? 'daemon'
      const flags = choose(2) === 0 ? [] : ['--lifetime', 'call', '--pool', '2']
      await play(house, { role, flags, command: moody(runner), marker, delayMs: choose(longestDelayMs) })
    }
    house.ok('daemon', 'stop')
    assert.deepEqual(runtimeFiles(house), ['daemon.lock'])
    await reaped(house, () => newTraces(runner, before))
  })
}
