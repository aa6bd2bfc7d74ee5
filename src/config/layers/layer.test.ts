import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { test } from 'node:test'
import { GloveboxError } from '../../errors.ts'
import type { SandboxConfig } from '../schema/sandbox.ts'
import { spellPath } from '../tree.ts'
import { mergeLayers, withAbsolutePaths, type Layer } from './layer.ts'
import type { Origin } from './origin.ts'
import { placedOf, policyOf, unusedKeys } from './policy.ts'

const layer = (kind: Origin['kind'], sandbox: SandboxConfig, more: Partial<Layer> = {}): Layer => ({
  sandbox,
  env: {},
  originOf: (path) => ({ kind, where: `${kind} ${spellPath(path)}` }),
  ...more,
})

test('lists grow from layer to layer, and each item knows where it comes from', () => {
  const { sandbox, origins } = mergeLayers([
    layer('user', { filesystem: { read: ['/a', '/b'] }, tools: { deny: ['x'] } }),
    layer('flag', { filesystem: { read: ['/c', '/a'] } }),
  ])
  assert.deepEqual(sandbox.filesystem?.read, ['/a', '/b', '/c'])
  assert.deepEqual(sandbox.tools?.deny, ['x'])
  assert.deepEqual(
    [0, 1, 2].map((index) => origins.get(`filesystem.read[${index}]`)?.where),
    ['flag filesystem.read[1]', 'user filesystem.read[1]', 'flag filesystem.read[0]'],
  )
})

test('a single value is that of the strongest layer, as a whole', () => {
  const { sandbox, origins } = mergeLayers([
    layer('user', {
      driver: 'microvm',
      exec: ['git'],
      tools: { allow: ['a'] },
      workspace: { path: '/w', mode: 'write' },
    }),
    layer('project', { exec: ['node'], tools: { allow: ['b'] }, workspace: { path: '/v', mode: 'read' } }),
  ])
  assert.equal(sandbox.driver, 'microvm')
  assert.deepEqual(sandbox.exec, ['node'])
  assert.deepEqual(sandbox.tools?.allow, ['b'])
  assert.deepEqual(sandbox.workspace, { path: '/v', mode: 'read' })
  assert.equal(origins.get('driver')?.kind, 'user')
  assert.equal(origins.get('exec')?.kind, 'project')
})

test('limits that nobody wrote down stay defaults, which may fall to a second mechanism', () => {
  const policy = policyOf(
    mergeLayers([
      layer('profile', {}, { defaultLimits: { memory: 2 ** 31, pids: 512 } }),
      layer('file', { limits: { pids: 9 } }),
    ]),
  )
  assert.deepEqual(policy.limits, { pids: 9 })
  assert.deepEqual(policy.defaults, { memoryBytes: 2 ** 31, pids: 512 })
})

test('variables of a stronger layer win, whatever they are called', () => {
  const weak = layer('profile', {}, { env: { A: '1', B: '1' } })
  const strong = layer(
    'flag',
    {},
    {
      env: Object.fromEntries([
        ['B', '2'],
        ['__proto__', '3'],
      ]),
    },
  )
  assert.deepEqual(Object.entries(policyOf(mergeLayers([weak, strong])).env), [
    ['A', '1'],
    ['B', '2'],
    ['__proto__', '3'],
  ])
})

test('nothing at all is the default policy', async () => {
  const { defaultPolicy } = await import('../../policy/policy.ts')
  const { env, ...policy } = policyOf(mergeLayers([]))
  assert.deepEqual({ ...policy, env: { ...env } }, defaultPolicy)
})

test('paths belong to the directory of their file, or to the home', () => {
  const sandbox: SandboxConfig = {
    workspace: { path: '.', mode: 'read' },
    filesystem: { read: ['data', '~/x', '~'], write: ['/abs/../w'], deny: ['../out'] },
    exec: ['node', './bin/tool'],
  }
  assert.deepEqual(withAbsolutePaths(sandbox, '/srv/project'), {
    workspace: { path: '/srv/project', mode: 'read' },
    filesystem: { read: ['/srv/project/data', `${homedir()}/x`, homedir()], write: ['/w'], deny: ['/srv/out'] },
    exec: ['node', '/srv/project/bin/tool'],
  })
})

test('a key that this version cannot honour stops the start, naming the key and its place', () => {
  const cases: [SandboxConfig, RegExp][] = [
    [{ limits: { output: 50_000 } }, /limits\.output/],
    [{ group: 'one' }, /group/],
  ]
  for (const [sandbox, key] of cases) {
    assert.throws(
      () => policyOf(mergeLayers([layer('project', sandbox)])),
      (error) => {
        assert.ok(error instanceof GloveboxError)
        assert.equal(error.code, 'HOST_CANNOT')
        assert.match(error.message, key)
        assert.match(error.message, /^project /)
        assert.ok(error.fix)
        return true
      },
    )
  }
})

test('what takes several sandboxes is placed, and the sandbox of a tool has its limits over those of the server', () => {
  const each = { risky: { limits: { memory: 1024 } } }
  const merged = mergeLayers([
    layer('project', { lifetime: 'call', pool: 2, limits: { memory: 512, pids: 7, idle: 1000 }, tools: { each } }),
  ])
  const policy = policyOf(merged)
  const placed = placedOf(merged, policy)
  assert.deepEqual(placed.placement, { lifetime: 'call', pool: 2, idleMs: 1000 })
  assert.deepEqual(placed.each['risky']?.limits, { memoryBytes: 1024, pids: 7 })
  assert.deepEqual(policy.limits, { memoryBytes: 512, pids: 7 })
  const shared = mergeLayers([layer('project', { tools: { each: { risky: { lifetime: 'shared' } } } })])
  assert.throws(() => placedOf(shared, policy), /^GloveboxError: project .*tools\.each\.risky/)
})

test('rules of the network grow from layer to layer, and its limits are those of the strongest', () => {
  const merged = mergeLayers([
    layer('user', {
      network: { allow: ['a.example', 'preset:npm'], publish: ['3000'], limits: { connections: 8, idle: 1000 } },
    }),
    layer('project', {
      network: { allow: ['b.example'], deny: ['c.example'], private: ['10.0.0.0/8'], limits: { connections: 16 } },
    }),
    layer('flag', { network: { allow: ['a.example'], resolvers: ['9.9.9.9'], publish: ['8080:80'] } }),
  ])
  assert.deepEqual(policyOf(merged).network, {
    allow: ['a.example', 'preset:npm', 'b.example'],
    deny: ['c.example'],
    private: ['10.0.0.0/8'],
    resolvers: ['9.9.9.9'],
    publish: ['3000', '8080:80'],
    limits: { connections: 16, idleMs: 1000 },
  })
  assert.deepEqual(
    [
      'publish[0]',
      'publish[1]',
      'allow[0]',
      'allow[1]',
      'allow[2]',
      'deny[0]',
      'limits.connections',
      'limits.idle',
    ].map((key) => merged.origins.get(`network.${key}`)?.kind),
    ['user', 'flag', 'flag', 'user', 'project', 'project', 'project', 'user'],
  )
})

test('two layers that publish on one port are told, with the place of the second', () => {
  const publishing = (kind: 'user' | 'project', word: string) => layer(kind, { network: { publish: [word] } })
  assert.throws(
    () => policyOf(mergeLayers([publishing('user', '8080:80'), publishing('project', '8080:81')])),
    /^GloveboxError: project [^]*network\.publish\[1\]: "8080:81" is the second/,
  )
})

test('ports of all layers together that are too many are told', () => {
  const network = { allow: ['a.example:1-1000'] }
  const more = { allow: ['b.example:2001-2100'] }
  assert.throws(
    () => policyOf(mergeLayers([layer('user', { network }), layer('flag', { network: more })])),
    /1100 ports together/,
  )
})

test('what says how a network is, while nothing is allowed, is told as unused', () => {
  const network = { deny: ['a.example'], private: ['10.0.0.0/8'], resolvers: ['9.9.9.9'], limits: { idle: 1000 } }
  assert.deepEqual(unusedKeys({ network }), ['network.deny', 'network.private', 'network.resolvers', 'network.limits'])
  assert.deepEqual(unusedKeys({ network: { ...network, allow: ['b.example'] } }), [])
})

test('empty lists and tables of such keys ask for nothing', () => {
  const sandbox: SandboxConfig = {
    network: { allow: [], deny: [], resolvers: [] },
    secrets: {},
    tools: { each: {} },
    lifetime: 'shared',
  }
  assert.equal(policyOf(mergeLayers([layer('file', sandbox)])).driver, 'jail')
})

test('a template of a server is part of the policy, and one that has booted is what there is without a word', () => {
  const templateOf = (sandbox: SandboxConfig): unknown => policyOf(mergeLayers([layer('project', sandbox)])).template
  assert.equal(templateOf({ template: 'server' }), 'server')
  assert.equal(templateOf({ template: 'boot' }), undefined)
  assert.deepEqual(unusedKeys({ template: 'server' }), [])
})

test('placement keys are legal everywhere and told as unused', () => {
  assert.deepEqual(unusedKeys({ template: 'boot', pool: 2, limits: { idle: 1000 } }), [
    'template',
    'pool',
    'limits.idle',
  ])
})

test('a workspace is a copy when nobody says otherwise, and --sync is for the one that any layer has', () => {
  const flag = layer('flag', {}, { sync: 'no' })
  const copied = policyOf(mergeLayers([layer('project', { workspace: { path: '/w', exclude: ['x'] } }), flag]))
  assert.deepEqual(copied.workspace, { path: '/w', mode: 'copy', exclude: ['x'], sync: 'no' })
  for (const sandbox of [{}, { workspace: { path: '/w', mode: 'write' } }] as const) {
    assert.throws(() => mergeLayers([layer('project', sandbox), flag]), /--sync: there is no copied workspace/)
  }
})
