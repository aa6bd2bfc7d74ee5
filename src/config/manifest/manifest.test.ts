import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { after, test } from 'node:test'
import { configHome } from '../../../test/support/config-home.ts'
import { GloveboxError, type ErrorCode } from '../../errors.ts'
import { mergeLayers } from '../layers/layer.ts'
import { policyOf } from '../layers/policy.ts'
import { decide } from '../../policy/network/decide.ts'
import { resolveNetwork } from '../../policy/network/words.ts'
import type { Policy } from '../../policy/policy.ts'
import { manifestLayer } from './manifest.ts'

const home = configHome()
after(home.remove)

async function policy(manifest: object): Promise<Policy> {
  return policyOf(mergeLayers([await manifestLayer(home.put('manifest.json', JSON.stringify(manifest)))]))
}

async function refuses(text: string, code: ErrorCode, place: string, why: RegExp): Promise<void> {
  const file = home.put('manifest.json', text)
  await assert.rejects(manifestLayer(file), (error) => {
    assert.ok(error instanceof GloveboxError, String(error))
    assert.equal(error.code, code)
    assert.ok(error.message.startsWith(`${file}:${place}: `), error.message)
    assert.match(error.message, why)
    return true
  })
}

test('units are exact: MiB of 1024 × 1024 bytes, hundredths of one CPU', async () => {
  const { limits } = await policy({ max_memory_mb: 100, max_cpu_quota_pct: 250, max_ipc_payload_mb: 3 })
  assert.deepEqual(limits, { memoryBytes: 104_857_600, cpus: 2.5, messageBytes: 3_145_728 })
})

test('absent keys take our defaults', async () => {
  const { limits, tools, exec, mode } = await policy({})
  assert.deepEqual(
    { limits, tools, exec, mode },
    { limits: {}, tools: { allow: ['*'], deny: [] }, exec: null, mode: 'enforce' },
  )
})

test('tools, programs, variables and mounts are taken over; what every sandbox has is not mounted again', async () => {
  const found = await policy({
    allowed_tools: ['read_file'],
    allowed_runtimes: ['/usr/bin/node', 'git'],
    env_vars: { A: '1' },
    readonly_mounts: ['/usr/lib64', '/bin', '/srv/data', './beside'],
  })
  assert.deepEqual(found.tools.allow, ['read_file'])
  assert.deepEqual(found.exec, ['/usr/bin/node', 'git'])
  assert.deepEqual({ ...found.env }, { A: '1' })
  assert.deepEqual(found.filesystem.read, ['/srv/data', `${home.root}/beside`])
  assert.deepEqual((await policy({ allowed_tools: null })).tools.allow, ['*'])
  assert.deepEqual((await policy({ allowed_tools: [] })).tools.allow, [])
})

test('mode audit records and allows files and programs, while nothing is writable and the network stays shut', async () => {
  const found = await policy({ mode: 'audit', allowed_runtimes: ['git'], readonly_mounts: ['/srv/data'] })
  assert.equal(found.mode, 'audit')
  assert.equal(found.exec, null)
  assert.ok(found.filesystem.read.includes(homedir()))
  assert.deepEqual(found.filesystem.write, [])
  assert.deepEqual(found.network.allow, [])
})

test('each address is opened on each port, and no other; without ports on 443', async () => {
  const { network } = await policy({
    allowed_egress_ips: ['192.0.2.1', '10.0.0.5'],
    allowed_egress_ipv6: ['2001:db8::1'],
    allowed_egress_ports: [443, 8443],
    allowed_dns_resolvers: ['9.9.9.9'],
  })
  assert.deepEqual(network.allow, ['192.0.2.1:443,8443', '10.0.0.5:443,8443', '[2001:db8::1]:443,8443'])
  assert.deepEqual(network.resolvers, ['9.9.9.9'])
  const found = resolveNetwork(network)
  assert.ok(found)
  for (const address of ['192.0.2.1', '10.0.0.5', '2001:db8::1'])
    for (const port of [443, 8443]) assert.ok(decide(found, { address, port }).allowed)
  assert.ok(!decide(found, { address: '192.0.2.2', port: 443 }).allowed)
  assert.ok(!decide(found, { address: '192.0.2.1', port: 80 }).allowed)
  assert.deepEqual((await policy({ allowed_egress_ips: ['192.0.2.1'] })).network.allow, ['192.0.2.1'])
  for (const shut of [{ allowed_egress_ips: [], allowed_egress_ports: [443] }, { allowed_dns_resolvers: ['9.9.9.9'] }])
    assert.equal(resolveNetwork((await policy(shut)).network), null)
})

test('an address that cannot be connected to, and more ports than there may be, are told with their place', async () => {
  for (const [key, value] of [
    ['allowed_egress_ips', '"0.0.0.0"'],
    ['allowed_egress_ips', '"010.0.0.1"'],
    ['allowed_egress_ipv6', '"::ffff:10.0.0.1"'],
    ['allowed_egress_ipv6', '"fe80::1%eth0"'],
  ] as const)
    await refuses(`{"${key}": [${value}]}`, 'POLICY_INVALID', `1:${key.length + 7}`, new RegExp(key))
  const ports = Array.from({ length: 1025 }, (_, index) => index + 1)
  await assert.rejects(
    policy({ allowed_egress_ips: ['192.0.2.1'], allowed_egress_ports: ports }),
    /manifest\.json:1:2.*opens 1025 ports/,
  )
})

test('unknown keys, units that would be guessed and values that mean nothing are errors with their place', async () => {
  await refuses('{"max_memory": 1}', 'POLICY_INVALID', '1:2', /no key "max_memory"/)
  await refuses('{"max_memory_mb": "64"}', 'POLICY_INVALID', '1:19', /a text stands where a whole number/)
  await refuses('{"max_memory_mb": 0}', 'POLICY_INVALID', '1:19', /0 is not/)
  await refuses('{"max_cpu_quota_pct": 0.5}', 'POLICY_INVALID', '1:23', /whole number/)
  await refuses('{"mode": "permissive"}', 'POLICY_INVALID', '1:10', /"permissive" is not one of/)
  await refuses('{"allowed_egress_ips": ["::1"]}', 'POLICY_INVALID', '1:25', /not an IPv4 address/)
  await refuses('{"env_vars": {"A": 1}}', 'POLICY_INVALID', '1:20', /a number stands where a text/)
  await refuses('{"mode": "audit", "mode": "enforcing"}', 'POLICY_INVALID', '1:19', /written twice/)
  await refuses('{"mode" "audit"}', 'POLICY_INVALID', '1:9', /colon/)
})
