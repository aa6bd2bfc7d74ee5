import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Origin } from '../config/layers/origin.ts'
import { noNetwork, resolveNetwork, type NetworkWords } from '../policy/network/words.ts'
import { defaultPolicy } from '../policy/policy.ts'
import { networkRows } from './network.ts'
import { policyDifferences, policyRows } from './policy.ts'

const origins = new Map<string, Origin>([
  ['network.allow[0]', { kind: 'user', where: 'glovebox.json:3:4' }],
  ['network.allow[1]', { kind: 'flag', where: '--allow-net' }],
  ['network.limits.bandwidth', { kind: 'user', where: 'glovebox.json:9:1' }],
])
const words: NetworkWords = {
  ...noNetwork,
  allow: ['bücher.example', 'preset:pypi'],
  private: ['10.0.0.0/8'],
  limits: { bytesPerSecond: 1024 ** 2 },
}

test('the plan has each name of a preset with the preset, and each rule with its place', () => {
  const network = resolveNetwork(words)
  assert.ok(network)
  assert.deepEqual(
    networkRows(network, words, origins).map(({ label, value, origin }) => `${label} ${value} < ${origin}`),
    [
      'allow xn--bcher-kva.example:443 (bücher.example) < glovebox.json:3:4',
      'allow pypi.org:443 < preset:pypi, --allow-net',
      'allow files.pythonhosted.org:443 < preset:pypi, --allow-net',
      'private 10.0.0.0/8 < default',
      'connections 1024 < default',
      'bandwidth 1 MiB a second < glovebox.json:9:1',
      'idle 900000 ms < default',
    ],
  )
})

test('policy show has every word with its place, and limits only where there is a network', () => {
  const rows = policyRows({ ...defaultPolicy, network: words }, origins).filter(({ key }) => key.startsWith('network'))
  assert.deepEqual(
    rows.map(({ key, value }) => `${key} ${value}`),
    [
      'network.allow bücher.example',
      'network.allow preset:pypi (pypi.org:443 files.pythonhosted.org:443)',
      'network.private 10.0.0.0/8',
      'network.limits.connections 1024',
      'network.limits.bandwidth 1 MiB a second',
      'network.limits.bytes none',
      'network.limits.idle 900000 ms',
    ],
  )
  const none = policyRows(defaultPolicy, origins).filter(({ key }) => key.startsWith('network'))
  assert.deepEqual(
    none.map(({ key, value }) => `${key} ${value}`),
    ['network.allow none'],
  )
})

test('policy diff tells a rule and a limit that differ', () => {
  const other = { ...words, deny: ['a.example'], limits: {} }
  const side = (network: NetworkWords) => ({ policy: { ...defaultPolicy, network }, origins })
  assert.deepEqual(policyDifferences(side(words), side(words)), [])
  assert.deepEqual(
    policyDifferences(side(words), side(other)).map(({ key }) => key),
    ['network.limits.bandwidth', 'network.deny'],
  )
})
