import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { emptyPlan } from '../../../test/support/plan.ts'
import { GloveboxError } from '../../errors.ts'
import { synthetic } from '../../policy/network.ts'
import { noNetwork, resolveNetwork } from '../../policy/network/words.ts'
import type { Plan } from '../../policy/plan.ts'
import type { JailPlan } from '../../protocol/jail-plan.ts'
import { toJailPlan } from './jail-plan.ts'

function planTo(...network: string[]): Plan {
  return { ...emptyPlan, network: resolveNetwork({ ...noNetwork, allow: network }) }
}

const options = { id: 'files-3f2a', socket: undefined, egress: undefined }

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../../native/wire/fixtures/${name}`, import.meta.url), 'utf8'))
}

test('a plan with a network is refused where nobody decides about connections', () => {
  assert.throws(
    () => toJailPlan(planTo('api.example.org'), options, false),
    (error) => error instanceof GloveboxError && error.code === 'HOST_CANNOT' && error.message.startsWith('network'),
  )
})

test('a plan that publishes ports is refused where nothing leads inside', () => {
  const plan = { ...planTo(), publish: [{ address: '127.0.0.1', hostPort: 0, port: 3000 }] }
  assert.throws(
    () => toJailPlan(plan, options, false),
    (error) =>
      error instanceof GloveboxError && error.code === 'HOST_CANNOT' && error.message.startsWith('network.publish'),
  )
  const { channel, egress } = toJailPlan(plan, { ...options, socket: '/run/s' }, false)
  assert.deepEqual([channel, egress], [{ socket: '/run/s' }, null])
})

test('a plan without a network has no egress', () => {
  assert.equal(toJailPlan(planTo(), options, false).egress, null)
})

test('an egress has ascending ports, each once, as the launcher wants them', () => {
  const socket = '/run/user/1000/glovebox/files-3f2a/egress'
  const egress = {
    socket,
    dials: 'relay' as const,
    tcpPorts: [443, 22, 5432, 443],
    udpPorts: [123],
    addresses: ['10.0.0.5/32', 'fd00::/8', '10.0.0.5/32'],
  }
  const { egress: made } = toJailPlan(planTo('api.example.org'), { ...options, egress }, false)
  const { egress: expected } = fixture('plan-full.json') as JailPlan
  assert.deepEqual(made, expected)
})

test('the synthetic addresses are those that the launcher routes', () => {
  const { v4, v6, resolver, proxy } = synthetic
  assert.deepEqual(
    { v4: `${v4.address}/${v4.prefix}`, v6: `${v6.address}/${v6.prefix}`, resolver, proxyPort: proxy.port },
    fixture('egress-synthetic.json'),
  )
})

test('a workspace that nobody has copied is refused: the directory itself is never what a sandbox gets instead', () => {
  const plan: Plan = {
    ...planTo(),
    mounts: [{ source: '/p', target: '/workspace', access: 'copy', exec: false, owner: 'user', why: 'workspace' }],
    workspace: { source: '/p', sync: null, exclude: [] },
  }
  assert.throws(() => toJailPlan(plan, options, false), /workspace: nobody has made a copy of \/p/)
})
