import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EgressFact, Fact } from '../../protocol/facts.ts'
import { createAttribution } from './attribution.ts'
import { createBook } from './book.ts'
import { createLookups } from './lookups.ts'

/** A book, what it has told, and the time that it goes by. */
function recording() {
  const clock = { now: 0 }
  const facts: EgressFact[] = []
  const book = createBook(
    (fact) => void facts.push(fact as EgressFact),
    (error) => assert.fail(String(error)),
    () => clock.now,
  )
  return { clock, facts, book }
}

/** How many attempts these stand for. */
const attempts = (facts: readonly EgressFact[]): number =>
  facts.reduce((all, fact) => {
    const { times, unrecorded = 0 } = fact as { times?: { count: number }; unrecorded?: number }
    return all + (times?.count ?? 1) + unrecorded
  }, 0)

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

test('refusals that come too fast are counted, and told with the last of them', () => {
  const { clock, facts, book } = recording()
  const refuse = (port: number): void =>
    book.refuse(null, { name: 'a.example', port }, { kind: 'refused', rule: 'r', reason: 'no' })
  const since = (from: number): unknown[] =>
    facts.slice(from).map((fact) => ('flow' in fact ? [fact.port, fact.flow, fact.unrecorded] : []))
  for (let port = 1; port <= 5000; port++) refuse(port)
  assert.equal(facts.length, 200)
  clock.now = 1000
  refuse(6000)
  assert.deepEqual(since(200), [
    [5000, 5000, 4799],
    [6000, 5001, undefined],
  ])
  for (let port = 1; port <= 300; port++) refuse(port)
  book.close()
  assert.deepEqual(since(401), [[300, 5301, 100]])
})

test('the same attempt again and again is counted, whichever process makes it, and nothing is lost', () => {
  const { clock, facts, book } = recording()
  const refuse = (pid: number, name: string): void =>
    book.refuse({ pid, program: 'loop' }, { name, port: 443 }, { kind: 'refused', rule: 'r', reason: 'no' })
  for (let at = 0; at < 20_000; at++) {
    clock.now = at
    refuse(at, 'a.example')
    if (at % 5000 === 0) refuse(at, 'b.example')
  }
  clock.now = 60_000
  refuse(1, 'a.example')
  clock.now = 120_000
  for (let at = 0; at < 6; at++) refuse(1, 'a.example')
  book.close()
  const told = facts.flatMap((fact) => ('times' in fact || 'flow' in fact ? [fact] : []))
  const sum = (name: string): number =>
    told
      .filter((fact) => fact.name === name)
      .reduce((all, fact) => all + ('times' in fact ? (fact.times?.count ?? 1) : 1), 0)
  assert.deepEqual([sum('a.example'), sum('b.example')], [20_007, 4])
  assert.ok(facts.length < 25, `${facts.length} facts`)
  const times = told.flatMap((fact) => ('times' in fact && fact.times !== undefined ? [fact.times] : []))
  assert.deepEqual(times.slice(0, 2), [
    { count: 9995, sinceMs: 5, untilMs: 9999 },
    { count: 10_000, sinceMs: 10_000, untilMs: 19_999 },
  ])
  // It was over by then: each is told again.
  assert.equal(told.filter((fact) => fact.name === 'a.example' && !('times' in fact)).length, 5 + 1 + 6)
})

test('attempts that are all different are no more in memory than a table has room for', () => {
  const { clock, facts, book } = recording()
  for (let at = 0; at < 100_000; at++) {
    clock.now = Math.floor(at / 100)
    book.refuse(null, { name: `n${at % 2000}.example`, port: 443 }, { kind: 'refused', rule: 'r', reason: 'no' })
  }
  book.close()
  assert.equal(attempts(facts), 100_000)
  assert.ok(facts.length < 1000, `${facts.length} facts`)
})

test('attempts that are told a few times each are no way around the most of a second', () => {
  const { clock, facts, book } = recording()
  for (let at = 0; at < 100_000; at++) {
    clock.now = Math.floor(at / 10)
    book.refuse(
      null,
      { name: `n${Math.floor(at / 7)}.example`, port: 443 },
      { kind: 'refused', rule: 'r', reason: 'no' },
    )
  }
  book.close()
  assert.equal(attempts(facts), 100_000)
  // Ten seconds of 200, and the last of each.
  assert.ok(facts.length <= 2020, `${facts.length} facts`)
})

test('in a flood whose connects are counted, the last that was seen is who comes', () => {
  let now = 0
  const attribution = createAttribution(() => now)
  const address = '198.18.1.0:443'
  for (let at = 0; at < 50; at++) {
    attribution.onConnect({ pid: at, program: 'a', address })
    assert.equal(attribution.take('198.18.1.0', 443)?.pid, at)
  }
  assert.equal(attribution.take('198.18.1.0', 443)?.pid, 49)
  now = 5001
  assert.equal(attribution.take('198.18.1.0', 443), null)
})

test('the first of the ends of a connection is its end, and the end of the sandbox is that of all that are open', () => {
  const { facts, book } = recording()
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
