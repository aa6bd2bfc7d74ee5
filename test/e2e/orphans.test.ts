import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { messageOf } from '../../src/errors.ts'
import type { Runner } from '../support/as-user.ts'
import { runners } from '../support/as-user.ts'
import { isLong } from '../support/requirement.ts'
import { planRounds, playRound } from './orphans/round.ts'
import type { Round } from './orphans/round.ts'
import type { Traces } from './orphans/traces.ts'
import { newTraces, tracesOn } from './orphans/traces.ts'

// ORPHAN-0. GLOVEBOX_SEED=n repeats the rounds of a run, up to the moments that only the machine decides.
const seed = Number(process.env['GLOVEBOX_SEED'] ?? randomInt(2 ** 31))
/** For each identity: together 200 in the long run. */
const rounds = isLong() ? 200 / runners().length : 25
/** They also get in each other's way: what one start reaps must not be what another has just made. */
const atOnce = 12

for (const runner of runners()) {
  test(`nothing is left of a sandbox, whatever is killed and when (${runner.name}, ${rounds} rounds)`, async (context) => {
    context.diagnostic(`seed ${seed}`)
    start(runner)
    const before = tracesOn(runner)
    await playAll(runner, planRounds(createRandom(seed), rounds))
    await reaped(runner, before)
  })

  test(`what had been recorded when something was killed is a whole chain (${runner.name})`, () => {
    const run = glovebox(runner, ['audit', 'verify', '--json'])
    assert.equal(run.status, 0, run.stderr)
    const { records } = JSON.parse(run.stdout) as { records: { events: number }[] }
    assert.ok(records.length > rounds / 2, `${records.length} records`)
  })
}

/** Plays all of them, also after one that failed: what is left of one must not hide what is left of another. */
async function playAll(runner: Runner, planned: Round[]): Promise<void> {
  const left = [...planned]
  const failures: unknown[] = []
  const worker = async (): Promise<void> => {
    for (let round = left.shift(); round !== undefined; round = left.shift()) {
      await playRound(runner, round).catch((error: unknown) => failures.push(error))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  if (failures.length > 0) throw new AggregateError(failures, failures.map(messageOf).join('\n'))
}

/**
 * A launcher that is killed cannot remove its groups: the next one does, beside its start. Others on this host may have been
 * killed a moment ago too, so what stays through more starts is what counts.
 */
async function reaped(runner: Runner, before: Traces): Promise<void> {
  const none = { mounts: [], files: [], cgroups: [] }
  for (const deadline = performance.now() + 15_000; performance.now() < deadline; await pause(200)) {
    start(runner)
    if (isDeepStrictEqual(newTraces(runner, before), none)) return
  }
  assert.deepEqual(newTraces(runner, before), none)
}

function start(runner: Runner): void {
  const run = glovebox(runner, ['exec', '--', 'true'])
  assert.equal(run.status, 0, run.stderr)
}

function glovebox(runner: Runner, args: readonly string[]): ReturnType<Runner['spawnSync']> {
  return runner.spawnSync(runner.node, [path.join(runner.root, 'bin/glovebox.cjs'), ...args])
}

/** mulberry32: small, and the same everywhere. */
function createRandom(from: number): () => number {
  let state = from >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
