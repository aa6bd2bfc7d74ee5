import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { emptyPlan } from '../../../../test/support/plan.ts'
import { GloveboxError } from '../../../errors.ts'
import { noNetwork, resolveNetwork } from '../../../policy/network/words.ts'
import type { Plan, PlanMount } from '../../../policy/plan.ts'
import { driveAt, isDriveThere, requireInTemplate, serverKey } from './server-rules.ts'

const plan: Plan = {
  ...emptyPlan,
  server: 'everything',
  driver: 'microvm',
  command: { path: '/usr/bin/node', argv: ['node', '/srv/app/main.js'], cwd: '/', env: { PATH: '/usr/bin' } },
  template: 'server',
}

function given(why: string): PlanMount {
  return { source: '/srv/app', target: '/srv/app', access: 'read', exec: true, owner: 'user', why }
}

const nothing = { given: [given('program')], copied: [] }
const env = (name: string, value: string): Plan => ({ ...plan, command: { ...plan.command, env: { [name]: value } } })

test('a server that needs nothing of one start may be in a template', () => {
  requireInTemplate(plan, { egress: undefined }, nothing)
  requireInTemplate(env('npm_config_update_notifier', 'false'), { egress: undefined }, nothing)
})

const refused: readonly (readonly [key: string, plan: Plan, division?: typeof nothing])[] = [
  ['secrets', { ...plan, secrets: [{ name: 'T', source: { kind: 'env', name: 'T' }, exposed: true }] as never }],
  ['network.allow', { ...plan, network: resolveNetwork({ ...noNetwork, allow: ['example.com'] }) }],
  ['network.publish', { ...plan, publish: [{ host: 1, sandbox: 1 }] as never }],
  ['workspace', { ...plan, workspace: { source: '/w', sync: null, exclude: [] } }],
  ['limits.time', { ...plan, limits: { ...plan.limits, time: plan.limits.memory } }],
  ['filesystem.read', plan, { given: [given('filesystem.read')], copied: [] }],
  ['workspace', plan, { given: [given('workspace')], copied: [] }],
  ['env.API_TOKEN', env('API_TOKEN', 'x')],
  ['env.URL', env('URL', 'https://ada:pass@example.com/')],
  ['command', { ...plan, command: { ...plan.command, argv: ['node', '--api-key=abc'] } }],
]

for (const [key, wrong, division = nothing] of refused) {
  test(`what must not be on the disk, or is of one start, is refused by its name: ${key}`, () => {
    assert.throws(
      () => requireInTemplate(wrong, { egress: undefined }, division),
      (error) =>
        error instanceof GloveboxError && error.code === 'HOST_CANNOT' && error.message.includes(`and ${key} do not`),
    )
  })
}

test('another command, environment, policy or drive is another template', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-drive-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = path.join(directory, 'a.erofs')
  writeFileSync(file, 'drive')
  const drive = driveAt(file)
  const key = serverKey(plan, true, drive)
  const others = [
    serverKey(env('LANG', 'C'), true, drive),
    serverKey({ ...plan, command: { ...plan.command, argv: ['node', '/srv/app/other.js'] } }, true, drive),
    serverKey({ ...plan, limits: { ...plan.limits, pids: { value: 7, explicit: true } } }, true, drive),
    serverKey({ ...plan, exec: ['/usr/bin/node'] }, true, drive),
    serverKey(plan, false, drive),
    serverKey(plan, true, null),
  ]
  assert.equal(new Set([key, ...others]).size, others.length + 1)
  // What the guard alone keeps is nothing of the template's, and a drive is not another one because it was used.
  utimesSync(file, new Date(0), new Date(0))
  assert.equal(serverKey({ ...plan, server: 'again', messageBytes: 7 }, true, driveAt(file)), key)
  assert.ok(isDriveThere(drive) && isDriveThere(null))
  // Packed anew, it may have the same in other places.
  writeFileSync(`${file}.new`, 'drive')
  renameSync(`${file}.new`, file)
  assert.notEqual(serverKey(plan, true, driveAt(file)), key)
  assert.ok(!isDriveThere(drive))
  rmSync(file)
  assert.ok(!isDriveThere(drive))
})
