import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import path from 'node:path'
import { test } from 'node:test'
import type { Runner } from '../support/as-user.ts'
import { runners } from '../support/as-user.ts'
import { isLong } from '../support/requirement.ts'
import { planRounds, playRound } from './orphans/round.ts'
import type { Round } from './orphans/round.ts'
import { tracesOn } from './orphans/traces.ts'

// ORPHAN-0. GLOVEBOX_SEED=n repeats the rounds of a run, up to the moments that only the machine decides.
const seed = Number(process.env['GLOVEBOX_SEED'] ?? randomInt(2 ** 31))
const rounds = isLong() ? 200 : 25
/** They also get in each other's way: what one start reaps must not be what another has just made. */
const atOnce = 6

for (const runner of runners()) {
  test(`nothing is left of a sandbox, whatever is killed and when (${runner.name}, ${rounds} rounds)`, async (context) => {
    context.diagnostic(`seed ${seed}`)
    start(runner)
    const before = tracesOn(runner)
    assert.deepEqual(before.cgroups, [], 'a start reaps the groups of those before it')
    await playAll(runner, planRounds(createRandom(seed), rounds))
    // A launcher that is killed cannot remove its groups: the next one does.
    start(runner)
    assert.deepEqual(tracesOn(runner), before)
  })

  test(`what had been recorded when something was killed is a whole chain (${runner.name})`, () => {
    const run = glovebox(runner, ['audit', 'verify', '--json'])
    assert.equal(run.status, 0, run.stderr)
    const { records } = JSON.parse(run.stdout) as { records: { events: number }[] }
    assert.ok(records.length > rounds / 2, `${records.length} records`)
  })
}

async function playAll(runner: Runner, planned: Round[]): Promise<void> {
  const left = [...planned]
  const worker = async (): Promise<void> => {
    for (let round = left.shift(); round !== undefined; round = left.shift()) await playRound(runner, round)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
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
