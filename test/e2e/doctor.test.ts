import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, watch } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { ordinaryUser, runners, type Runner } from '../support/as-user.ts'
import { unlessPresent } from '../support/requirement.ts'

interface Report {
  readonly schema: string
  readonly whole: boolean
  readonly drivers: readonly {
    readonly driver: string
    readonly ok: boolean
    readonly enforces: readonly string[]
    readonly evidence: Readonly<Record<string, { readonly held: boolean; readonly evidence: string }>>
    readonly explicitLimits: { readonly ok: boolean; readonly fix?: string }
  }[]
}

const glovebox = (runner: Runner, ...args: string[]) =>
  runner.spawnSync(runner.node, [path.join(runner.root, 'bin/glovebox.cjs'), ...args])

const examine = (runner: Runner): Report => JSON.parse(glovebox(runner, 'doctor', '--json').stdout) as Report

for (const runner of runners()) {
  test(`doctor tries to break each of the thirteen controls, and none gives way (${runner.name})`, () => {
    const [jail] = examine(runner).drivers
    assert.equal(jail?.driver, 'jail')
    assert.equal(jail?.enforces.length, 13)
    assert.equal(Object.keys(jail?.evidence ?? {}).length, 13)
    for (const [control, { held, evidence }] of Object.entries(jail?.evidence ?? {}))
      assert.ok(held, `${control}: ${evidence}`)
  })

  test(`doctor that is interrupted leaves nothing behind (${runner.name})`, async () => {
    const watcher = watch(runner.tmp)
    const begun = once(watcher, 'change')
    const child = runner.spawn(runner.node, [path.join(runner.root, 'bin/glovebox.cjs'), 'doctor'], { stdio: 'ignore' })
    await begun
    watcher.close()
    assert.equal(readdirSync(runner.tmp).length, 1)
    child.kill('SIGINT')
    assert.deepEqual(await once(child, 'exit'), [130, null])
    assert.deepEqual(readdirSync(runner.tmp), [])
  })

  test(`glovebox alone says what this machine can do (${runner.name})`, () => {
    const { stdout, status } = glovebox(runner)
    assert.equal(status, 0)
    assert.match(stdout, /jail starts in \d+ ms and enforces every control/)
  })
}

const skip = unlessPresent('ROOT', process.getuid?.() === 0 ? undefined : 'only root can delegate control groups')

/** The example of docs/INSTALL.md and of docs/TROUBLESHOOTING.md. */
test('doctor --fix gives an ordinary user limits of their own, and --undo takes them back', { skip }, () => {
  const user = ordinaryUser()
  const [root] = runners()
  assert.ok(root)
  const limited = () => glovebox(user, 'exec', '--memory', '64M', '--pids', '8', '--cpus', '0.5', '--', 'true')
  const before = limited()
  assert.equal(before.status, 3)
  assert.match(before.stderr, new RegExp(`sudo glovebox doctor --fix --user ${user.uid}`))
  assert.equal(examine(user).drivers[0]?.explicitLimits.ok, false)
  const fixed = glovebox(root, 'doctor', '--fix', '--user', String(user.uid))
  try {
    assert.equal(fixed.status, 0, fixed.stderr)
    assert.equal(limited().status, 0)
    assert.equal(examine(user).whole, true)
    const hungry = glovebox(user, 'exec', '--memory', '64M', '--', 'sh', '-c', 'head -c 200M /dev/zero | tail')
    assert.match(hungry.stderr, /more than its 64 MiB of memory/)
  } finally {
    const undone = glovebox(root, 'doctor', '--fix', '--undo', '--user', String(user.uid))
    assert.equal(undone.status, 0, undone.stderr)
  }
  assert.equal(limited().status, 3)
})

test('doctor --fix takes root, and a user that there is', () => {
  const user = ordinaryUser()
  assert.equal(glovebox(user, 'doctor', '--fix', '--user', String(user.uid)).status, 3)
  assert.equal(glovebox(user, 'doctor', '--fix', '--user', 'no-such-user-here').status, 2)
  assert.equal(glovebox(user, 'doctor', '--fix').status, 2)
})
