import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { test } from 'node:test'
import { eventually } from '../../../test/support/eventually.ts'
import { within } from '../../../test/support/timed.ts'
import { encodeAnswer, encodeName, parseQuery, recordType, responseCode, type Answer } from '../dns/message.ts'
import { hostLookup } from './host-lookup.ts'
import { lookupTimeoutMs, rememberLookups, type Lookup } from './lookup.ts'
import { resolverLookup } from './resolver-lookup.ts'

test('names of this host’s own are found, as every program of it finds them', async () => {
  assert.ok((await hostLookup('localhost')).addresses.some((address) => address === '127.0.0.1' || address === '::1'))
})

test('a lookup is remembered for as long as it holds, and asked once for all who wait', async () => {
  let asked = 0
  let now = 0
  const lookup = rememberLookups(async () => ({ addresses: [`192.0.2.${++asked}`], holdsMs: 1000 }), { now: () => now })
  const both = await Promise.all([lookup('a'), lookup('a')])
  assert.deepEqual(both, [['192.0.2.1'], ['192.0.2.1']])
  now = 999
  assert.deepEqual(await lookup('a'), ['192.0.2.1'])
  now = 1000
  assert.deepEqual(await lookup('a'), ['192.0.2.2'])
})

test('three lookups run at once, and one that takes too long, or waits too long for its turn, is given up', async () => {
  const waiting: (() => void)[] = []
  let running = 0
  const slow: Lookup = async () => {
    running += 1
    await new Promise<void>((resolve) => waiting.push(resolve))
    running -= 1
    return { addresses: ['192.0.2.1'], holdsMs: 0 }
  }
  const lookup = rememberLookups(slow, { timeoutMs: 5 })
  const all = ['a', 'b', 'c', 'd', 'e'].map(async (name) => lookup(name))
  await assert.rejects(Promise.race(all), { code: 'ETIMEOUT' })
  assert.equal(running, 3)
  const ends = await Promise.allSettled(all)
  assert.deepEqual([...new Set(ends.map(({ status }) => status))], ['rejected'])
  assert.equal(running, 3, 'nobody who has gone is asked for')
  for (const end of waiting) end()
  await eventually(() => (running === 0 ? true : undefined))
})

test('a failure is not remembered', async () => {
  let asked = 0
  const lookup = rememberLookups(async () => {
    if (++asked === 1) throw Object.assign(new Error('no'), { code: 'ENOTFOUND' })
    return { addresses: ['192.0.2.1'], holdsMs: 1000 }
  })
  await assert.rejects(lookup('a'), { code: 'ENOTFOUND' })
  assert.deepEqual(await lookup('a'), ['192.0.2.1'])
})

test('the resolvers of a policy are asked, aliases are followed, and a ring of them is not', async (t) => {
  const zone: Record<string, Answer[]> = {
    'a.example': [
      { type: 'A', ttl: 7, data: Buffer.from([192, 0, 2, 1]) },
      { type: 'A', ttl: 9, data: Buffer.from([10, 0, 0, 1]) },
    ],
    'alias.example': [{ type: 'CNAME', ttl: 5, data: encodeName('a.example') }],
    'ring.example': [{ type: 'CNAME', ttl: 5, data: encodeName('ring.example') }],
  }
  const socket = createSocket('udp4')
  socket.on('message', (bytes, from) => {
    const parsed = parseQuery(bytes)
    assert.ok(parsed !== undefined && 'query' in parsed)
    const { labels, type } = parsed.query.question
    const found = zone[labels.map((label) => label.toString().toLowerCase()).join('.')]
    // A server that follows nothing: of an alias it tells that alone, and only who asks for it.
    const answers = (found ?? []).filter((answer) => recordType[answer.type] === type)
    const code = found === undefined ? responseCode.nxDomain : responseCode.noError
    socket.send(encodeAnswer(parsed.query, code, answers), from.port, from.address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  t.after(() => socket.close())
  const lookup = resolverLookup([{ address: '127.0.0.1', port: socket.address().port }])
  assert.deepEqual(await lookup('a.example'), { addresses: ['192.0.2.1', '10.0.0.1'], holdsMs: 7000 })
  assert.deepEqual((await lookup('alias.example')).addresses, ['192.0.2.1', '10.0.0.1'])
  await assert.rejects(lookup('ring.example'), { code: 'ELOOP' })
  await assert.rejects(lookup('gone.example'), { code: 'ENOTFOUND' })
})

test('a resolver that never answers for one version of addresses does not hold up the other', async (t) => {
  const socket = createSocket('udp4')
  socket.on('message', (bytes, from) => {
    const parsed = parseQuery(bytes)
    assert.ok(parsed !== undefined && 'query' in parsed)
    if (parsed.query.question.type !== recordType.A) return
    const answer: Answer = { type: 'A', ttl: 7, data: Buffer.from([192, 0, 2, 1]) }
    socket.send(encodeAnswer(parsed.query, responseCode.noError, [answer]), from.port, from.address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  t.after(() => socket.close())
  const lookup = resolverLookup([{ address: '127.0.0.1', port: socket.address().port }])
  const { addresses } = await within(lookupTimeoutMs - 1000, async () => lookup('a.example'))
  assert.deepEqual(addresses, ['192.0.2.1'])
})
