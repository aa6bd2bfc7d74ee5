import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Fact } from '../protocol/facts.ts'
import { toEvent } from './event.ts'
import type { Origin } from './ocsf.ts'

const origin: Origin = {
  sandbox: 'gbx-0c5f3a9d1e27',
  server: 'files',
  product: { name: 'Glovebox', vendor_name: 'Glovebox', version: '0.1.0' },
  device: { hostname: 'workstation', type_id: 0 },
}
const envelope = ['time', 'metadata', 'device'] as const

interface Example {
  readonly title: string
  readonly fact: Fact
  readonly event: Record<string, unknown>
}

/** The sections of the documentation that have a fact and its event. */
function documented(): Example[] {
  const text = readFileSync(new URL('../../docs/audit.md', import.meta.url), 'utf8')
  return text
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const blocks = [...section.matchAll(/```json\n(.*?)```/gs)].map(([, json]) => JSON.parse(json ?? '') as unknown)
      assert.equal(blocks.length, 2, `two examples in: ${section.slice(0, 30)}`)
      return {
        title: section.split('\n')[0] ?? '',
        fact: blocks[0] as Fact,
        event: blocks[1] as Record<string, unknown>,
      }
    })
}

const examples = documented()

function eventOf(fact: Fact, missing: { unwritten?: number; overBudget?: number } = {}): Record<string, unknown> {
  const place = { sequence: 1, time: 1795246913747, unwritten: 0, overBudget: 0, ...missing }
  return { ...toEvent(fact, origin, place) }
}

for (const { title, fact, event } of examples) {
  test(`the documented example of ${title} is what is written`, () => {
    const written = eventOf(fact)
    assert.equal((written['metadata'] as Record<string, unknown>)['event_code'], title)
    if (title !== 'start') for (const key of envelope) delete written[key]
    assert.deepEqual(written, event)
  })
}

test('every kind of fact and of activity has a documented example', () => {
  const kinds = new Set(examples.map(({ fact }) => (fact.fact === 'activity' ? fact.activity.kind : fact.fact)))
  // A record over the union: a kind that is added and not documented does not compile.
  const all: Record<Exclude<Fact['fact'], 'activity'> | 'connect' | 'bind' | 'send' | 'exec' | 'open', true> = {
    start: true,
    receipt: true,
    'start-failed': true,
    stop: true,
    connect: true,
    bind: true,
    send: true,
    exec: true,
    open: true,
    limit: true,
    message: true,
    refusal: true,
    'server-log': true,
    entry: true,
    'entry-end': true,
    ask: true,
    'ask-answer': true,
    'egress-open': true,
    'egress-refuse': true,
    'egress-fail': true,
    'egress-close': true,
    lookup: true,
    'publish-open': true,
    'publish-refuse': true,
    'publish-fail': true,
    'publish-close': true,
    'workspace-in': true,
    'workspace-out': true,
  }
  assert.deepEqual([...kinds].toSorted(), Object.keys(all).toSorted())
})

/** Attributes beside the base event's that the OCSF 1.8.0 classes require, of those profiles that are applied here. */
const required: Readonly<Record<number, readonly string[]>> = {
  0: [],
  1001: ['actor', 'device', 'file'],
  1007: ['actor', 'device', 'process'],
  2004: ['finding_info'],
  4001: [],
  4003: [],
  6002: ['app'],
  6003: ['actor', 'api', 'src_endpoint'],
}
const requiredOfAll = ['activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid']

test('every event has what its OCSF class requires', () => {
  for (const { fact } of examples) {
    const event = eventOf(fact)
    const uid = Number(event['class_uid'])
    for (const attribute of [...requiredOfAll, ...(required[uid] ?? [])])
      assert.ok(attribute in event, `${uid} ${attribute}`)
    assert.equal(event['category_uid'], Math.trunc(uid / 1000))
    assert.equal(event['type_uid'], uid * 100 + Number(event['activity_id']))
    assert.equal('activity_name' in event, event['activity_id'] === 99, 'Other is named')
  }
})

test('unmapped is the last member, where the chain puts its own', () => {
  for (const { fact } of examples) assert.equal(Object.keys(eventOf(fact)).at(-1), 'unmapped')
})

test('an event says how many before it could not be written, or were over the budget', () => {
  const [first] = examples
  assert.ok(first)
  assert.deepEqual(eventOf(first.fact, { unwritten: 3, overBudget: 7 })['unmapped'], {
    ...(first.event['unmapped'] as object),
    unwritten: 3,
    over_budget: 7,
  })
})

test('an address that is no IP address with a port is the name of an endpoint', () => {
  const endpointOf = (address: string): unknown =>
    eventOf({
      fact: 'activity',
      activity: { kind: 'connect', pid: 1, program: 'x', address, verdict: 'denied', rule: 'r' },
    })['dst_endpoint']
  assert.deepEqual(endpointOf('127.0.0.1:80'), { ip: '127.0.0.1', port: 80 })
  assert.deepEqual(endpointOf('[::1]:80'), { ip: '::1', port: 80 })
  assert.deepEqual(endpointOf('unix:@abstract'), { name: 'unix:@abstract' })
  assert.deepEqual(endpointOf('unix:/run/1.2.3.4:80'), { name: 'unix:/run/1.2.3.4:80' })
  assert.deepEqual(endpointOf('netlink'), { name: 'netlink' })
})

test('secrets in a command line, in a log line and in an error are not in their events', () => {
  const facts: Fact[] = [
    {
      fact: 'start',
      server: 's',
      driver: 'jail',
      command: ['x', '--token', 'SECRET-1', 'API_KEY=SECRET-1'],
      plan: '',
      allowDegraded: [],
    },
    { fact: 'server-log', stream: 'stderr', text: 'using postgres://ann:SECRET-1@db/x' },
    { fact: 'start-failed', code: 'FAILED', message: 'password=SECRET-1 was refused' },
    { fact: 'refusal', direction: 'client-to-server', reason: 'r', detail: 'token: SECRET-1', bytes: 1 },
  ]
  for (const fact of facts) assert.doesNotMatch(JSON.stringify(eventOf(fact)), /SECRET/)
})
