import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { PassThrough, Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import fc from 'fast-check'
import { connectFramed } from './connect.ts'
import { frameOf, parseHeader, type FrameType } from './frame.ts'
import { hostSession, maxStray, type HostEvent, type HostSession } from './host.ts'

const session = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
const other = Buffer.alloc(16, 0xee)
const about = Buffer.concat([Buffer.from('0000000000000007', 'hex'), Buffer.alloc(16, 0xaa)])
const welcome = frameOf('welcome', session, 0n, about)
const data = (sequence: bigint, content: string, of: Buffer = session): Buffer =>
  frameOf('data', of, sequence, Buffer.from(content))

/** What events say, in a few words. */
function said(events: readonly HostEvent[]): string[] {
  return events.map((event) => {
    if (event.event === 'welcome') return `welcome ${event.generation}`
    return event.event === 'data' ? event.bytes.toString('latin1') : event.lost ? 'lost' : 'end'
  })
}

function take(host: HostSession, ...parts: readonly Buffer[]): string[] {
  return said(parts.flatMap((part) => host.take(part)))
}

function open(): HostSession {
  const host = hostSession(session)
  assert.deepEqual(take(host, welcome), ['welcome 7'])
  return host
}

test('A frame has the bytes that the specification says', () => {
  const head = `4742580103000000${session.toString('hex')}000000000000000500000003`
  const frame = data(5n, 'abc')
  assert.equal(frame.toString('hex', 0, 36), head)
  // CRC-32 of "abc", and of the forty bytes before it.
  assert.equal(frame.toString('hex', 36, 40), '352441c2')
  assert.equal(frame.toString('latin1', 44), 'abc')
  assert.equal(parseHeader(frame.subarray(0, 44))?.sequence, 5n)
  assert.equal(frameOf('bye', session, 0n).toString('hex', 32, 40), '0000000000000000')
})

test('A header with any bit wrong is none', () => {
  const right = welcome.subarray(0, 44)
  for (let bit = 0; bit < 44 * 8; bit++) {
    const wrong = Buffer.from(right)
    wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(parseHeader(wrong), undefined, `bit ${bit}`)
  }
  for (const [type, length] of [
    ['data', 0],
    ['data', 65_537],
    ['welcome', 23],
    ['hello', 1],
    ['bye', 1],
  ] as const) {
    assert.equal(parseHeader(frameOf(type, session, 0n, Buffer.alloc(length))), undefined, `${type} of ${length}`)
  }
  for (const type of ['hello', 'welcome'] satisfies FrameType[]) {
    assert.equal(parseHeader(frameOf(type, session, 1n, type === 'welcome' ? about : undefined)), undefined, type)
  }
})

test('Nothing but its own welcome is believed before it, whatever lengths old bytes claim', () => {
  const host = hostSession(session)
  const old = [
    data(0n, 'x'.repeat(65_536), other).subarray(0, 50), // claims far more than comes
    frameOf('welcome', other, 0n, about),
    data(0n, 'early'),
    welcome.subarray(0, 43),
    Buffer.concat([welcome.subarray(0, 60), Buffer.alloc(8)]), // a payload that is not the one
  ]
  assert.deepEqual(take(host, ...old, welcome, data(0n, 'first')), ['welcome 7', 'first'])
})

test('Old sessions and repetitions are dropped, a gap ends it', () => {
  const host = open()
  assert.deepEqual(
    take(
      host,
      data(0n, 'a'),
      data(0n, 'again'),
      data(1n, 'theirs', other),
      frameOf('bye', other, 1n),
      welcome,
      data(1n, 'b'),
    ),
    ['a', 'b'],
  )
  assert.deepEqual(take(host, data(3n, 'd'), data(2n, 'c')), ['lost'])
  assert.deepEqual(take(host, data(2n, 'c')), [])
})

test('A payload that was changed is not delivered, and shows as a gap', () => {
  const host = open()
  const bad = data(0n, 'contents')
  bad[50] = 0
  assert.deepEqual(take(host, bad, data(1n, 'next')), ['lost'])
})

test('Noise between frames is looked over; a frame is found inside one that was broken off', () => {
  const host = open()
  const half = data(1n, 'x'.repeat(1000)).subarray(0, 500)
  assert.deepEqual(take(host, data(0n, 'a'), Buffer.from('GBX\u0001GB'), half, data(1n, 'b'), Buffer.alloc(1000)), [
    'a',
    'b',
  ])
})

test('More than a megabyte that is no part of the session ends it: noise, repetitions, other sessions, headers that lie', () => {
  // Of another session, as a frame from far ahead would end ours by itself; its payload never sums up.
  const lying = data(9n, 'x'.repeat(65_536), other).subarray(0, 44)
  const strays = [Buffer.alloc(4096), data(0n, 'again'), welcome, data(1n, 'theirs', other), lying]
  for (const each of strays) {
    const host = open()
    assert.deepEqual(take(host, data(0n, 'first')), ['first'])
    const enough = Buffer.alloc(maxStray + 70_000 + each.length, each)
    const heard = take(host, enough.subarray(0, 500_000), enough.subarray(500_000), data(1n, 'late'))
    assert.deepEqual(heard, ['lost'])
  }
  const patient = open()
  const few = Buffer.concat(Array.from({ length: 10_000 }, () => welcome))
  assert.deepEqual(take(patient, few, data(0n, 'first')), ['first'])
})

test('The end of the other side is told once', () => {
  const host = open()
  assert.deepEqual(take(host, data(0n, 'a'), frameOf('bye', session, 1n), data(2n, 'b')), ['a', 'end'])
})

test('What is sent is numbered and cut into frames; the opening completes any frame that was begun', () => {
  const host = open()
  const [first, second] = host.data(Buffer.alloc(65_537, 1))
  assert.deepEqual(
    [first, second, host.bye()]
      .map((frame) => parseHeader(frame?.subarray(0, 44) ?? Buffer.alloc(0)))
      .map((header) => [header?.type, header?.sequence, header?.length]),
    [
      ['data', 0n, 65_536],
      ['data', 1n, 1],
      ['bye', 2n, 0],
    ],
  )
  const opening = host.opening()
  assert.equal(opening.length, 65_580 + 44)
  assert.ok(opening.subarray(0, 65_580).every((byte) => byte === 0))
  assert.equal(parseHeader(opening.subarray(-44))?.type, 'hello')
})

test('However bytes are cut, and whatever noise is between, nothing is delivered twice or out of order', () => {
  const noise = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes))
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.constant('next' as const) },
    fc.constant('again' as const),
    fc.constant('old' as const),
    fc.constant('broken' as const),
    noise,
  )
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1 }),
      (pieces, cuts) => {
        let next = 0n
        const bytes = Buffer.concat([
          welcome,
          ...pieces.map((each) => {
            if (each === 'next') return data(next, `#${next++}`)
            if (each === 'again') return next === 0n ? Buffer.alloc(0) : data(next - 1n, `#${next - 1n}`)
            if (each === 'old') return data(next, 'old', other)
            return each === 'broken' ? data(next, 'y'.repeat(30)).subarray(0, 60) : each
          }),
        ])
        const host = hostSession(session)
        const heard: string[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = cuts[turn % cuts.length] ?? 1
          heard.push(...said(host.take(bytes.subarray(at, at + size))))
          at += size
        }
        const expected = ['welcome 7', ...Array.from({ length: Number(next) }, (_, index) => `#${index}`)]
        // A broken frame at the very end may still be waited for: what was heard is a beginning of it.
        assert.deepEqual(heard, expected.slice(0, heard.length))
        if (!pieces.includes('broken')) assert.deepEqual(heard, expected)
      },
    ),
    { numRuns: 300 },
  )
})

test('Whatever an inside sends, little is held and nothing is thrown', () => {
  const frame = fc
    .tuple(
      fc.constantFrom<FrameType>('hello', 'welcome', 'data', 'bye'),
      fc.bigInt({ min: 0n, max: 3n }),
      fc.boolean(),
      fc.nat(200),
    )
    .map(([type, sequence, ours, length]) => frameOf(type, ours ? session : other, sequence, randomBytes(length)))
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          frame,
          fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
        ),
      ),
      (parts) => {
        const host = hostSession(session)
        for (const part of parts) host.take(part)
      },
    ),
    { numRuns: 1000 },
  )
})

/** A port: what is written at one end is read at the other. */
function port(): { host: Duplex; inside: { read: PassThrough; write: PassThrough } } {
  const [toInside, toHost] = [new PassThrough(), new PassThrough()]
  return { host: Duplex.from({ readable: toHost, writable: toInside }), inside: { read: toInside, write: toHost } }
}

test('A connection comes about over a port with old bytes in it, and carries bytes both ways', async () => {
  const { host, inside } = port()
  inside.write.write(Buffer.concat([Buffer.from('noise'), data(9n, 'old', other)]))
  const seen: Buffer[] = []
  let hellos = 0
  let mine: Buffer | undefined
  inside.read.on('data', (chunk: Buffer) => {
    seen.push(chunk)
    const header = parseHeader(chunk.subarray(-44))
    if (header?.type !== 'hello' || ++hellos < 3) return
    mine = Buffer.from(header.session)
    inside.write.write(frameOf('welcome', mine, 0n, about))
    inside.write.write(data(0n, 'from inside', mine))
    inside.write.write(frameOf('bye', mine, 1n))
  })
  const { stream, generation, instance } = await connectFramed(host, { againMs: 5, patienceMs: 2000 })
  assert.equal(generation, 7n)
  assert.ok(instance.equals(Buffer.alloc(16, 0xaa)))
  stream.end('from the host')
  assert.equal(await text(stream), 'from inside')
  assert.ok(mine && Buffer.concat(seen).includes(data(0n, 'from the host', mine)))
  assert.ok(Buffer.concat(seen).includes(frameOf('bye', mine, 1n)))
})

test('Nobody behind the port, and a port that closes, are told', async () => {
  const silent = port()
  await assert.rejects(connectFramed(silent.host, { againMs: 5, patienceMs: 30 }), { code: 'CHANNEL_LOST' })
  const closing = port()
  const attempt = connectFramed(closing.host, { againMs: 5, patienceMs: 2000 })
  closing.host.destroy()
  await assert.rejects(attempt, { code: 'CHANNEL_LOST' })
})
