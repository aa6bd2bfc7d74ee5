import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JailMount } from '../../../src/protocol/jail-plan.ts'
import { sceneOf, wordsOf } from '../support/attack.ts'
import type { Ground } from '../support/ground.ts'
import { mustHaveRun, planFor } from '../support/jail.ts'
import { assertHeld, assertWorks, attack, only } from '../support/single.ts'

/** All that a device directory needs. */
const harmless: ReadonlySet<string> = new Set(
  'full null random urandom zero fd ptmx pts shm stdin stdout stderr'.split(' '),
)

/** What a program learns of where it runs, and what it can say of itself. */
export function leakCases(ground: () => Ground): void {
  test('who and where it is, the program learns of the sandbox and not of the host', async () => {
    const { place, shell } = ground()
    const run = mustHaveRun(await ground().run(['describe']))
    const seen = JSON.parse(run.stdout) as Record<string, unknown>
    const [hostname = '', machineId = ''] = (
      await shell('cat /proc/sys/kernel/hostname; if test -e /etc/machine-id; then cat /etc/machine-id; fi')
    ).split('\n')
    const expected = planFor(place, []).command
    assert.deepEqual(seen['environment'], expected.env)
    assert.equal(seen['cwd'], place.ws)
    assert.equal(seen['core'], 1)
    assert.notEqual(seen['uid'], 0)
    assert.notEqual(seen['hostname'], hostname)
    if (machineId !== '') assert.notEqual(seen['machineId'], machineId)
    assert.equal(seen['ppid'], 1)
    assert.notEqual(seen['sid'], 0)
    assert.equal(typeof seen['terminal'], 'string', 'the standard input is a terminal')
    assert.equal(typeof seen['controlling'], 'string', 'there is a controlling terminal')
    if (place.runner.name === 'root') assert.deepEqual(seen['groups'], [])
    const pids = seen['pids'] as number[]
    assert.ok(pids.length <= 3, `processes in sight: ${pids.join(' ')}`)
    assert.ok(!(seen['root'] as string[]).some((name) => ['root', 'boot', 'sys', 'mnt', 'srv', 'media'].includes(name)))
    assert.deepEqual(
      (seen['devices'] as string[]).filter((name) => !harmless.has(name)),
      [],
    )
    assert.ok(!String(seen['mounts']).includes(place.secret))
  })

  test('names that the program chooses cannot forge a line of the launcher’s report', async () => {
    const { place } = ground()
    const run = mustHaveRun(await ground().run(wordsOf([attack('forge-status', {})], sceneOf(place, 'jail'))))
    const exits = run.statuses.filter(({ event }) => event === 'exit')
    assert.equal(exits.length, 1)
    const seen = run.activities.filter(({ path: at, address }) => `${at}${address}`.includes('"event":"exit"'))
    assert.ok(seen.length >= 2, `the attempts were not recorded: ${JSON.stringify(run.activities)}`)
  })
}

/** What lies in the directories that a start is given. */
export function startCases(ground: () => Ground, unlessPlanted: string | false): void {
  test('a set-id program gives nobody another identity', { skip: unlessPlanted }, async () => {
    const { place, other } = ground()
    const mount: JailMount = { source: place.suid, target: place.suid, access: 'read', exec: true, owner: 'user' }
    const words = wordsOf([attack('setuid-run', { target: `${place.suid}/program` })], sceneOf(place, 'jail'))
    const run = mustHaveRun(await ground().run(words, { plan: { mounts: [...planFor(place, []).mounts, mount] } }))
    const one = attack('setuid-run', { target: `${other.suid}/program` })
    assertHeld(only(one, run.stdout))
    assertWorks(only(one, await ground().outside(wordsOf([one], sceneOf(other, 'host')))))
  })

  test('a program that is a script for /proc/self/exe does not run the launcher inside (CVE-2019-5736)', async () => {
    const { place } = ground()
    const command = { ...planFor(place, []).command, path: place.script, argv: [place.script] }
    const run = await ground().run([], { plan: { command } })
    assert.notEqual(run.exit?.code, 0)
    assert.doesNotMatch(run.stdout + run.stderr, /jail|plan-fd/)
  })

  test('a target inside the workspace that is a link leads to no other mount', async () => {
    const { place, shell, workspace } = ground()
    const { base, ro } = place
    await shell(`ln -s /usr ${workspace}/target; ln -s ${base} ${workspace}/target-outside`)
    for (const name of ['target', 'target-outside/inner']) {
      const given: JailMount = { source: ro, target: `${place.ws}/${name}`, access: 'read', exec: false, owner: 'user' }
      const plan = { mounts: [...planFor(place, []).mounts, given] }
      const one = attack('list-path', { target: '/usr' })
      const run = await ground().run(wordsOf([one], sceneOf(place, 'jail')), { plan })
      assert.ok(run.failure !== undefined || !run.stdout.includes('own.txt'), 'the mount went where the link leads')
    }
    assert.equal(await shell(`if test -e ${base}/inner; then echo made; fi`), '', 'something was made outside')
    await shell(`rm ${workspace}/target ${workspace}/target-outside`)
  })
}
