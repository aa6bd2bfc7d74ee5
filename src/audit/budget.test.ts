import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { call, withDirectory } from '../../test/support/record.ts'
import type { Fact } from '../protocol/facts.ts'
import { openAudit } from './audit-log.ts'
import { budgetFrom, createPurse, createPurses, kindOf, timesOf, wholeRecord } from './budget.ts'
import { verifyDirectory } from './verify.ts'

const attempt = (port: number, count?: number): Fact => ({
  fact: 'activity',
  activity: {
    kind: 'connect',
    pid: 7,
    program: '/usr/bin/x',
    address: `203.0.113.7:${port}`,
    verdict: 'denied',
    rule: 'network.default-deny',
    ...(count !== undefined && { count }),
  },
})

const about = { process: null, name: 'a.example', port: 443, rule: 'a.example' } as const
const connection = (flow: number): Fact => ({ ...about, fact: 'egress-open', flow, addresses: ['203.0.113.7'] })

interface Written {
  readonly metadata: { readonly event_code: string }
  readonly unmapped: { readonly over_budget?: number }
}

function eventsIn(path: string): Written[] {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as Written)
}

test('what a sandbox does by itself fills no more of the disk than its budget, and each that is left out is counted', () => {
  withDirectory((directory) => {
    let time = 1_000_000
    const budget = { perSecond: 1000, most: 10_000 }
    const log = openAudit({
      directory,
      sandbox: 'gbx-1',
      server: 'files',
      now: () => time,
      purses: createPurses(budget),
    })
    for (let port = 1; port <= 5000; port++) log.record(attempt(port))
    assert.ok(statSync(log.path).size < 12_000, `${statSync(log.path).size} bytes`)
    time += 2000
    for (let port = 1; port <= 5000; port++) log.record(attempt(port, 3))
    assert.ok(statSync(log.path).size < 15_000, `${statSync(log.path).size} bytes`)
    // Nobody's noise hides what was asked for, and what comes next says how many are missing.
    for (let id = 1; id <= 50; id++) log.record(call(id))
    log.close()
    const events = eventsIn(log.path)
    assert.equal(events.filter(({ metadata }) => metadata.event_code === 'message').length, 50)
    const attempts = events.filter(
      ({ metadata }) => metadata.event_code === 'activity' || metadata.event_code === 'connect',
    )
    const counts = attempts.map((event) => (event as { count?: number }).count ?? 1)
    const leftOut = events.map(({ unmapped }) => unmapped.over_budget ?? 0)
    const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)
    assert.equal(sum(counts) + sum(leftOut), 5000 + 3 * 5000)
    assert.deepEqual(
      verifyDirectory(directory).map(({ state }) => state),
      ['ok'],
    )
  })
})

test('a purse fills again with time, up to what piles up, and a clock that is set back gives nothing', () => {
  const purse = createPurse({ perSecond: 10, most: 100 })
  assert.ok(purse.hasRoom(0))
  purse.spend(150)
  assert.equal(purse.hasRoom(-1_000_000), false)
  assert.equal(purse.hasRoom(-1_000_000 + 5000), false, 'it is in debt')
  assert.ok(purse.hasRoom(-1_000_000 + 5001))
  purse.spend(1)
  assert.ok(purse.hasRoom(1_000_000_000))
  purse.spend(100)
  assert.equal(purse.hasRoom(1_000_000_000), false, 'no more than that piles up')
})

test('the budget is what GLOVEBOX_AUDIT_RATE says, and a wrong one is an error that names it', () => {
  assert.deepEqual(budgetFrom({}), { perSecond: 16 * 1024, most: 16 * 1024 * 4 * 3600 })
  assert.equal(budgetFrom({ GLOVEBOX_AUDIT_RATE: '1K' }).perSecond, 1024)
  assert.throws(() => budgetFrom({ GLOVEBOX_AUDIT_RATE: 'fast' }), /GLOVEBOX_AUDIT_RATE: "fast"/)
  const whole = createPurse(wholeRecord)
  for (const time of [0, 0, 1]) {
    assert.ok(whole.hasRoom(time))
    whole.spend(1e12)
  }
})

test('only what programs inside cause is bounded, connections by themselves, and each stands for as often as it happened', () => {
  const refusal = { fact: 'refusal', reason: 'malformed-json', detail: 'x', bytes: 1 } as const
  assert.equal(kindOf(attempt(1)), 'noise')
  assert.equal(kindOf({ ...refusal, direction: 'server-to-client' }), 'noise')
  assert.equal(kindOf({ ...refusal, direction: 'client-to-server' }), undefined)
  assert.equal(kindOf(call(1)), undefined)
  assert.equal(kindOf(connection(1)), 'connections')
  assert.equal(timesOf(call(1)), 1)
  assert.equal(timesOf(attempt(1, 12)), 12)
  const refused = { ...about, fact: 'egress-refuse', flow: 1, address: null, reason: 'x' } as const
  assert.equal(timesOf({ ...refused, times: { count: 5, sinceMs: 0, untilMs: 1 }, unrecorded: 4 }), 9)
})

test('noise does not hide the connections that are made, nor they what was noise before', () => {
  withDirectory((directory) => {
    const budget = { perSecond: 1, most: 20_000 }
    const log = openAudit({ directory, sandbox: 'gbx-1', server: 'files', now: () => 1, purses: createPurses(budget) })
    for (let port = 1; port <= 1000; port++) log.record(attempt(port))
    const before = eventsIn(log.path).length
    for (let flow = 1; flow <= 10; flow++) log.record(connection(flow))
    assert.equal(eventsIn(log.path).length, before + 10)
    for (let flow = 1; flow <= 1000; flow++) log.record(connection(flow))
    assert.ok(statSync(log.path).size < 45_000, `${statSync(log.path).size} bytes`)
    log.close()
  })
})

test('sandboxes that follow one another have one budget together', () => {
  withDirectory((directory) => {
    const purses = createPurses({ perSecond: 1, most: 10_000 })
    const sizes = ['gbx-1', 'gbx-2', 'gbx-3'].map((sandbox) => {
      const log = openAudit({ directory, sandbox, server: 'files', now: () => 1, purses })
      log.record(call(1))
      for (let port = 1; port <= 100; port++) log.record(attempt(port))
      log.close()
      return statSync(log.path).size
    })
    const total = sizes.reduce((sum, size) => sum + size, 0)
    assert.ok(total > 10_000 && total < 14_000, sizes.join(', '))
  })
})
