import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { duplexPair } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { createNames } from '../names.ts'
import { serveDnsStream } from './stream.ts'
import { createStub, type RefusedLookup } from './stub.ts'

function setUp(limit?: number) {
  const refused: RefusedLookup[] = []
  const names = createNames(limit)
  const answer = createStub({
    names,
    resolves: (name) =>
      name.endsWith('.allowed.example')
        ? { allowed: true, rule: '*.allowed.example' }
        : { allowed: false, rule: 'default' },
    onRefused: (lookup) => void refused.push(lookup),
  })
  return { answer, refused, names }
}

/** An independent reader of the wire format: c-ares, over a datagram socket of loopback. */
async function resolverOf(t: TestContext, answer: (query: Buffer) => Buffer): Promise<Resolver> {
  const socket = createSocket('udp4')
  socket.on('message', (message, from) => socket.send(answer(message), from.port, from.address))
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  t.after(() => socket.close())
  const resolver = new Resolver({ timeout: 2000, tries: 1 })
  resolver.setServers([`127.0.0.1:${socket.address().port}`])
  return resolver
}

/** A query as bytes: header, question, and what is behind. */
function query(
  labels: readonly string[],
  type: number,
  rest: { flags?: number; counts?: number[]; tail?: Buffer } = {},
) {
  const { flags = 0x0100, counts = [1, 0, 0, 0], tail = Buffer.alloc(0) } = rest
  const header = Buffer.alloc(12)
  header.writeUInt16BE(0xbeef, 0)
  header.writeUInt16BE(flags, 2)
  for (const [at, count] of counts.entries()) header.writeUInt16BE(count, 4 + 2 * at)
  const name = labels.map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')]))
  return Buffer.concat([header, ...name, Buffer.of(0, type >> 8, type & 0xff, 0, 1), tail])
}

const codeOf = (reply: Buffer): number => reply.readUInt16BE(2) & 0xf
const allowed = ['a', 'allowed', 'example'] as const
const opt = (version: number): Buffer => Buffer.from([0, 0, 41, 0x10, 0, 0, version, 0, 0, 0, 0])

test('an allowed name has a synthetic address of each kind, and the address has its name', async (t) => {
  const { answer } = setUp()
  const resolver = await resolverOf(t, answer)
  assert.deepEqual(await resolver.resolve4('a.allowed.example', { ttl: true }), [{ address: '198.18.1.0', ttl: 60 }])
  assert.deepEqual(await resolver.resolve6('A.Allowed.Example.'), ['fd67:6c6f:7665::100'])
  assert.deepEqual(await resolver.reverse('198.18.1.0'), ['a.allowed.example'])
  assert.deepEqual(await resolver.reverse('fd67:6c6f:7665::100'), ['a.allowed.example'])
  const any = (await resolver.resolveAny('a.allowed.example')).map((record) => record.type)
  assert.deepEqual(any.toSorted(), ['A', 'AAAA'])
  assert.deepEqual(await resolver.resolve4('localhost'), ['127.0.0.1'])
})

test('a refused name is not there, which is told before it is answered', async (t) => {
  const { answer, refused } = setUp()
  const resolver = await resolverOf(t, answer)
  await assert.rejects(resolver.resolve4('Secret.Evil.example'), { code: 'ENOTFOUND' })
  await assert.rejects(resolver.resolveTxt('c2VjcmV0.evil.example'), { code: 'ENOTFOUND' })
  assert.deepEqual(refused, [
    { name: 'secret.evil.example', type: 1, rule: 'default' },
    { name: 'c2vjcmv0.evil.example', type: 16, rule: 'default' },
  ])
  const unwritable = createStub({
    names: createNames(),
    resolves: () => ({ allowed: false, rule: 'default' }),
    onRefused: () => {
      throw new Error('no space is left')
    },
  })
  assert.throws(() => unwritable(query(['x'], 1)), /no space/)
})

test('types other than addresses are empty for an allowed name, at once', async (t) => {
  const { answer, refused } = setUp()
  const resolver = await resolverOf(t, answer)
  await assert.rejects(resolver.resolveMx('a.allowed.example'), { code: 'ENODATA' })
  await assert.rejects(resolver.resolveTxt('a.allowed.example'), { code: 'ENODATA' })
  const https = answer(query(allowed, 65))
  assert.deepEqual([codeOf(https), https.readUInt16BE(6)], [0, 0])
  assert.deepEqual(refused, [])
  await assert.rejects(resolver.reverse('198.18.9.9'), { code: 'ENOTFOUND' })
  await assert.rejects(resolver.reverse('10.0.0.1'), { code: 'ENOTFOUND' })
})

test('the letters of a question go back in the case in which they came', () => {
  const reply = setUp().answer(query(['A', 'aLLowed', 'eXAMPLE'], 1))
  assert.ok(reply.includes(Buffer.from('\x01A\x07aLLowed\x07eXAMPLE\x00', 'latin1')))
  assert.equal(reply.readUInt16BE(0), 0xbeef)
})

test('a label that is no part of a name makes no other name', () => {
  const { answer, refused } = setUp()
  // One label with points in it reads like three.
  assert.equal(codeOf(answer(query(['a.allowed.example'], 1))), 3)
  assert.equal(codeOf(answer(query(['a\0', 'allowed', 'example'], 1))), 3)
  assert.equal(codeOf(answer(query(['a b', 'allowed', 'example'], 1))), 3)
  assert.deepEqual(
    refused.map(({ name, rule }) => [name, rule]),
    [
      ['a\\046allowed\\046example', 'network.not-a-name'],
      ['a\\000.allowed.example', 'network.not-a-name'],
      ['a\\032b.allowed.example', 'network.not-a-name'],
    ],
  )
})

test('what no resolver sends is answered with an error or not at all', () => {
  const { answer, names } = setUp()
  const code = (bytes: Buffer): number => codeOf(answer(bytes))
  assert.equal(answer(Buffer.alloc(11)).length, 0, 'too short for a header')
  assert.equal(answer(query(allowed, 1, { flags: 0x8180 })).length, 0, 'an answer')
  assert.equal(code(query(allowed, 1, { flags: 0x2800 })), 4, 'an update')
  assert.equal(code(query(allowed, 1, { counts: [2, 0, 0, 0], tail: query(allowed, 1).subarray(12) })), 1)
  assert.equal(code(query(allowed, 1, { counts: [0, 0, 0, 0] })), 1)
  assert.equal(code(query(allowed, 1, { counts: [1, 1, 0, 0] })), 1)
  assert.equal(code(query(allowed, 1, { tail: Buffer.of(0) })), 1, 'bytes behind')
  assert.equal(code(query(allowed, 1).subarray(0, -3)), 1, 'cut off')
  assert.equal(
    code(
      query(
        Array.from({ length: 5 }, () => 'x'.repeat(63)),
        1,
      ),
    ),
    1,
    'a name of more than 255 bytes',
  )
  const loop = Buffer.concat([query([], 1).subarray(0, 12), Buffer.from([0xc0, 0x0c, 0, 1, 0, 1])])
  assert.equal(code(loop), 1, 'a name that points to itself')
  const chaos = query(allowed, 16)
  chaos.writeUInt16BE(3, chaos.length - 2)
  assert.equal(code(chaos), 5)
  assert.equal(names.nameAt('198.18.1.0'), undefined, 'nothing of it was given an address')
})

test('EDNS is answered with EDNS, of version 0 only', () => {
  const { answer } = setUp()
  const plain = answer(query(allowed, 1))
  const extended = answer(query(allowed, 1, { counts: [1, 0, 0, 1], tail: opt(0) }))
  assert.deepEqual([plain.readUInt16BE(10), extended.readUInt16BE(10)], [0, 1])
  const newer = answer(query(allowed, 1, { counts: [1, 0, 0, 1], tail: opt(1) }))
  assert.deepEqual([codeOf(newer), newer.at(-6), newer.readUInt16BE(6)], [0, 1, 0], 'BADVERS, without an answer')
  assert.equal(codeOf(answer(query(allowed, 1, { counts: [1, 0, 0, 2], tail: Buffer.concat([opt(0), opt(0)]) }))), 1)
})

test('when all addresses are given out, new names fail, say so, and known ones stay', () => {
  const { answer, refused } = setUp(1)
  assert.equal(codeOf(answer(query(allowed, 1))), 0)
  assert.equal(codeOf(answer(query(['b', 'allowed', 'example'], 1))), 2)
  assert.equal(codeOf(answer(query(allowed, 28))), 0)
  assert.deepEqual(refused, [{ name: 'b.allowed.example', type: 1, rule: 'network.limits.names' }])
})

test('questions over a stream are answered in their order, in whatever pieces they come', async () => {
  const { answer } = setUp()
  const [inside, outside] = duplexPair()
  const serving = serveDnsStream(outside, answer)
  const framed = [query(allowed, 1), query(['x'], 1)].map((each) => Buffer.concat([Buffer.of(0, each.length), each]))
  for (const byte of Buffer.concat(framed)) inside.write(Buffer.of(byte))
  inside.end()
  const got = Buffer.concat((await inside.toArray()) as Buffer[])
  await serving
  const first = got.readUInt16BE(0)
  assert.equal(codeOf(got.subarray(2)), 0)
  assert.equal(codeOf(got.subarray(2 + first + 2)), 3)
  assert.equal(got.length, 4 + first + got.readUInt16BE(2 + first))
})
