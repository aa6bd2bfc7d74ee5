import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EgressFact, Fact } from '../../protocol/facts.ts'
import { createAttribution } from './attribution.ts'
import { createBook } from './book.ts'
import { createLookups } from './lookups.ts'

test('a connection is the program’s that was first on its way there', () => {
  const attribution = createAttribution()
  attribution.onConnect({ pid: 1, program: 'a', address: '198.18.1.0:443' })
  attribution.onConnect({ pid: 2, program: 'b', address: '198.18.1.0:443' })
  attribution.onConnect({ pid: 3, program: 'c', address: '[fd67:6c6f:7665::100]:443' })
  attribution.onConnect({ pid: 4, program: 'd', address: 'unix:/run/x' })
  const take = (address: string, port = 443): number | undefined => attribution.take(address, port)?.pid
  assert.deepEqual([take('198.18.1.0'), take('198.18.1.0'), take('198.18.1.0')], [1, 2, undefined])
  assert.deepEqual([take('fd67:6c6f:7665::100', 80), take('fd67:6c6f:7665::100')], [undefined, 3])
})

test('who was seen too long ago, or among too many, is forgotten', () => {
  let now = 0
  const attribution = createAttribution(() => now)
  attribution.onConnect({ pid: 1, program: 'a', address: '198.18.1.0:443' })
  now = 5001
  assert.equal(attribution.take('198.18.1.0', 443), null)
  for (let pid = 0; pid < 1000; pid++) attribution.onConnect({ pid, program: 'a', address: '198.18.1.0:443' })
  assert.equal(attribution.take('198.18.1.0', 443)?.pid, 936)
  for (let port = 1; port <= 2000; port++)
    attribution.onConnect({ pid: port, program: 'a', address: `198.18.1.1:${port}` })
  assert.equal(attribution.take('198.18.1.1', 1), null)
  assert.equal(attribution.take('198.18.1.1', 2000)?.pid, 2000)
})

test('a refused name is recorded once a minute, and a flood of them is counted', () => {
  let now = 0
  const facts: Fact[] = []
  const lookup = createLookups(
    (fact) => void facts.push(fact),
    () => now,
  )
  const ask = (name: string): void => lookup({ process: null, name, type: 1, rule: 'r' })
  for (let times = 0; times < 5; times++) ask('a')
  assert.equal(facts.length, 1)
  now = 60_000
  ask('a')
  assert.equal(facts.length, 2)
  for (let at = 0; at < 200; at++) ask(`n${at}`)
  assert.equal(facts.length, 51)
  now = 61_000
  ask('last')
  assert.deepEqual(facts.at(-1), { fact: 'lookup', process: null, name: 'last', type: 1, rule: 'r', unrecorded: 151 })
})

test('the first of the ends of a connection is its end, and the end of the sandbox is that of all that are open', () => {
  const facts: EgressFact[] = []
  const book = createBook(
    (fact) => void facts.push(fact as EgressFact),
    (error) => assert.fail(String(error)),
    () => 0,
  )
  const target = { name: 'a.example', port: 443 }
  const one = book.open(null, target, { rule: 'a.example', addresses: ['192.0.2.1'] })
  one.refuse({ rule: 'network.sni', reason: 'another name' })
  one.close({ sent: 1, received: 1, reason: 'end' })
  book.open(null, target, { rule: 'a.example', addresses: ['192.0.2.1'] })
  book.close()
  book.refuse(null, target, { kind: 'refused', rule: 'r', reason: 'too late' })
  assert.throws(() => book.open(null, target, { rule: 'a.example', addresses: [] }), { code: 'CHANNEL_LOST' })
  assert.deepEqual(
    facts.map((fact) => [fact.fact, 'flow' in fact ? fact.flow : 0, 'reason' in fact ? fact.reason : '']),
    [
      ['egress-open', 1, ''],
      ['egress-refuse', 1, 'another name'],
      ['egress-open', 2, ''],
      ['egress-close', 2, 'sandbox-ended'],
    ],
  )
})
