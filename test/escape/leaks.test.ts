import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { leakCases } from './cases/start.ts'
import { runOutside } from './support/control.ts'
import { jailGround } from './support/ground.ts'
import { mustHaveRun, planFor, runJail, type JailOptions } from './support/jail.ts'
import type { Place } from './support/place.ts'
import { assertHeld, assertWorks, attack, attackInJail, only, withPlaces } from './support/single.ts'
import { sceneOf, wordsOf } from './support/attack.ts'

withPlaces('what comes in from outside', (place, other) => {
  const names = ['descriptors', 'descriptor-directory', 'proc-descriptors']
  for (const name of names) {
    test(`descriptors that the launcher was left with do not come in: ${name} (CVE-2024-21626)`, async () => {
      const one = attack(name, { target: place().secret })
      const { run, report } = await withOpened(place(), (more) => attackInJail(place(), one, { stdio: { more } }))
      assertHeld(report)
      assert.ok(!run.stdout.includes(place().token))
      const outside = attack(name, { target: other().secret })
      assertWorks(only(outside, await withOpened(other(), (more) => outsideWith(other(), outside, { more }))))
    })
  }

  test('the environment of the launcher does not come in, nor can it be read from pid 1', async () => {
    const one = attack('environment', { name: 'GLOVEBOX_PARENT_SECRET' })
    const { run, report } = await attackInJail(place(), one, { env: { GLOVEBOX_PARENT_SECRET: place().token } })
    assertHeld(report)
    assert.ok(!run.stdout.includes(place().token))
    assertWorks(only(one, await runOutside(other(), wordsOf([one], sceneOf(other(), 'host')))))
  })

  test('a file that is the standard input cannot be written to through it', async () => {
    await reopen(place(), 'r', 0, assertHeld)
    assert.equal(readFileSync(place().secret, 'utf8'), `${place().token}\n`)
    await reopen(other(), 'r', 0, assertWorks, 'outside')
    assert.notEqual(readFileSync(other().secret, 'utf8'), `${other().token}\n`)
  })

  test('a file that is the standard error cannot be read through it', async () => {
    const output = await reopen(place(), 'a', 2, assertHeld)
    assert.ok(!output.includes(place().token))
    await reopen(other(), 'a', 2, assertWorks, 'outside')
  })

  test('a directory that is the standard input leads nowhere', async () => {
    const one = attack('descriptor-directory', { target: place().secret })
    const fd = openSync(place().base, 'r')
    try {
      const run = await runJail(place(), wordsOf([one], sceneOf(place(), 'jail')), {
        stdio: { first: [fd, 'pipe', 'pipe'] },
      })
      // Refusing to start is as good.
      if (run.failure === undefined) assertHeld(only(one, run.stdout))
      assert.ok(!run.stdout.includes(place().token))
    } finally {
      closeSync(fd)
    }
  })

  test('a socket of the host’s network that is the standard input sends nothing', async () => {
    const one = (at: Place): ReturnType<typeof attack> =>
      attack('given-socket', { host: '127.0.0.1', port: at.witness.ports['udp4'] ?? 0 })
    const through = [place().attacks, 'given']
    const run = await runJail(place(), wordsOf([one(place())], sceneOf(place(), 'jail')), { through })
    // Refusing to start is as good.
    if (run.failure === undefined) assertHeld(only(one(place()), run.stdout))
    assert.deepEqual(await place().witness.touched(), [])
    const outside = [other().attacks, 'given']
    assertWorks(
      only(one(other()), await runOutside(other(), wordsOf([one(other())], sceneOf(other(), 'host')), outside)),
    )
    assert.ok((await other().witness.touched()).includes('udp4'))
  })

  for (const cwd of ['/proc/self/fd/5', '/proc/self/cwd', '/proc/1/cwd', '/proc/self/root', '/proc/self/fd/0/..']) {
    test(`the working directory ${cwd} leads nowhere outside (CVE-2024-21626)`, async () => {
      const one = attack('start-directory', { target: place().secret })
      const words = wordsOf([one], sceneOf(place(), 'jail'))
      const command = { ...planFor(place(), words).command, cwd }
      const run = await withOpened(place(), (more) => runJail(place(), words, { plan: { command }, stdio: { more } }))
      if (run.failure === undefined) assertHeld(only(one, run.stdout))
      assert.ok(!run.stdout.includes(place().token))
    })
  }

  test('the directory that the launcher was started in is not where the program starts', async () => {
    const one = attack('start-directory', { target: place().secret })
    const { report } = await attackInJail(place(), one, { cwd: place().base })
    assertHeld(report)
    const outside = attack('start-directory', { target: other().secret })
    assertWorks(only(outside, await runOutside(other(), wordsOf([outside], sceneOf(other(), 'host')))))
  })

  test('signals that were ignored or blocked around the launcher are not so inside', async () => {
    const through = ['/usr/bin/env', '--ignore-signal=INT,TERM,PIPE,USR1,HUP', '--block-signal=USR2,WINCH']
    const plain = planFor(place(), []).command
    const command = { ...plain, path: '/usr/bin/cat', argv: ['cat', '/proc/self/status'] }
    const run = mustHaveRun(await runJail(place(), [], { plan: { command }, through }))
    for (const name of ['SigBlk', 'SigIgn', 'SigCgt']) assert.match(run.stdout, new RegExp(`^${name}:\\s+0{16}$`, 'm'))
  })

  leakCases(() => jailGround(place(), other()))
})

/** Hands on descriptors of the base directory, which has the secret in it. */
async function withOpened<T>(place: Place, use: (more: number[]) => Promise<T>): Promise<T> {
  const opened = [openSync(place.base, 'r'), openSync(place.secret, 'r'), openSync(place.runner.home, 'r')]
  try {
    return await use(opened)
  } finally {
    for (const fd of opened) closeSync(fd)
  }
}

function outsideWith(place: Place, one: ReturnType<typeof attack>, stdio: JailOptions['stdio']): Promise<string> {
  return runOutside(place, wordsOf([one], sceneOf(place, 'host')), [], stdio)
}

/** Runs with the secret as one of the standard streams. */
async function reopen(
  place: Place,
  mode: 'r' | 'a',
  stream: 0 | 2,
  judge: typeof assertHeld,
  where: 'jail' | 'outside' = 'jail',
): Promise<string> {
  const one = attack('stdio-reopen', {})
  writeFileSync(place.secret, `${place.token}\n`)
  const fd = openSync(place.secret, mode)
  const first = stream === 0 ? ([fd, 'pipe', 'pipe'] as const) : (['ignore', 'pipe', fd] as const)
  try {
    if (where === 'outside') {
      const output = await outsideWith(place, one, { first })
      judge(only(one, output))
      return output
    }
    const { run, report } = await attackInJail(place, one, { stdio: { first } })
    judge(report)
    return run.stdout
  } finally {
    closeSync(fd)
  }
}
