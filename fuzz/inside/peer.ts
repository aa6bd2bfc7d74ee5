import type { Socket } from 'node:net'
import { frame, framed, literals } from '../../test/support/inside-peer.ts'
import { headerOf, endOfArchive } from '../../src/inside/tar/writer.ts'
import * as v1 from '../../src/protocol/inside/v1.ts'
import type { Random } from '../guard/random.ts'

const [dataFrame, headersFrame, resetFrame, settingsFrame, pingFrame, goAwayFrame, windowFrame] = [0, 1, 3, 4, 6, 7, 8]

/**
 * Says so many frames to a client that has connected, then hangs up; gives their number. How hostile differs: from one that
 * only answers oddly, over calls that fit but carry noise, to noise.
 */
export async function speak(socket: Socket, random: Random): Promise<number> {
  const streams = openedBy(socket)
  const wildness = random.pick([0, 0, 0, 0.003, 0.02, 0.5])
  const count = 50 + random.below(400)
  let sent = 0
  socket.write(
    frame(settingsFrame, 0, 0, random.chance(wildness / 2) ? noise(random, 6 * random.below(40)) : undefined),
  )
  for (; sent < count && !socket.destroyed; sent++) {
    const bytes = random.chance(wildness) ? wild(random, streams.open) : plausible(random, streams)
    if (!socket.write(bytes)) await room(socket)
    // The client gets its turn: otherwise all of it comes before its first call.
    if (sent % 16 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  if (random.chance(0.5)) socket.end()
  else socket.destroy()
  return sent
}

interface Streams {
  /** Those of calls, by their number. */
  readonly open: number[]
  /** Those whose headers were sent. */
  readonly answered: Set<number>
}

/** The client's own frames, as far as they open calls. Its settings and pings are answered as they must be. */
function openedBy(socket: Socket): Streams {
  const streams: Streams = { open: [], answered: new Set() }
  let held = Buffer.alloc(0)
  let preface = 24
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk])
    const skipped = Math.min(preface, held.length)
    preface -= skipped
    held = held.subarray(skipped)
    while (held.length >= 9 && held.length >= 9 + held.readUIntBE(0, 3)) {
      const [length, type, flags] = [held.readUIntBE(0, 3), held[3] ?? 0, held[4] ?? 0]
      const stream = held.readUInt32BE(5)
      if (type === headersFrame) streams.open.push(stream)
      if (type === settingsFrame && (flags & 1) === 0) socket.write(frame(settingsFrame, 1, 0))
      if (type === pingFrame && (flags & 1) === 0) socket.write(frame(pingFrame, 1, 0, held.subarray(9, 9 + length)))
      held = held.subarray(9 + length)
    }
  })
  return streams
}

/** A frame that could come now: an answer, a message, an end. */
function plausible(random: Random, { open, answered }: Streams): Buffer {
  if (open.length === 0) return frame(pingFrame, 0, 0, Buffer.alloc(8))
  const stream = random.pick(open)
  /** A frame after which nothing more may come on this stream. */
  const last = (bytes: Buffer): Buffer => {
    open.splice(open.indexOf(stream), 1)
    return bytes
  }
  const end = (): Buffer => frame(headersFrame, 5, stream, literals(trailers(random)))
  if (!answered.has(stream)) {
    answered.add(stream)
    if (random.chance(0.02)) return last(frame(headersFrame, 5, stream, literals(headers(random))))
    return frame(headersFrame, 4, stream, literals(headers(random)))
  }
  const data = (flags: number): Buffer => frame(dataFrame, flags, stream, cut(random, framed(message(random, stream))))
  // A call with one answer: the message, then the end, as an honest peer would.
  if (stream < 7 && random.chance(0.5)) return last(Buffer.concat([data(0), end()]))
  const what = random.below(1000)
  if (what < 940) return data(0)
  if (what < 942) return last(data(1))
  if (what < 952) return last(end())
  if (what < 954) return last(frame(resetFrame, 0, stream, u32(random.below(14))))
  if (what < 980) return frame(windowFrame, 0, random.chance(0.5) ? 0 : stream, u32(1 + random.below(100_000)))
  return frame(pingFrame, 0, 0, noise(random, 8))
}

function headers(random: Random): Record<string, string> {
  if (random.chance(0.9)) return { ':status': '200', 'content-type': 'application/grpc+proto' }
  return random.pick<Record<string, string>>([
    { ':status': '500' },
    { ':status': '200' },
    { ':status': '200', 'content-type': 'text/html' },
    { ':status': '200', 'content-type': 'application/grpc', 'grpc-status': '12', 'grpc-message': 'no%0A%1b[31m' },
    { ':status': '99999' },
    {},
  ])
}

function trailers(random: Random): Record<string, string> {
  const odd = () =>
    noise(random, random.below(60))
      .toString('latin1')
      .replaceAll(/[^\u0020-\u007e]/g, '%')
  if (random.chance(0.6)) return { 'grpc-status': '0' }
  return random.pick<() => Record<string, string>>([
    () => ({ 'grpc-status': '0', 'glovebox-left-out-bin': noise(random, 30).toString('base64') }),
    () => ({ 'grpc-status': String(random.below(20)), 'grpc-message': odd() }),
    () => ({ 'grpc-status': odd() }),
    () => ({}),
  ])()
}

/** Messages of all kinds, whole or damaged: the call that gets one may be another's. */
function message(random: Random, stream: number): Buffer {
  // Calls are made in one order, so a stream's number tells which it is.
  const fitting = random.chance(0.8) ? (fit[stream] ?? [7]) : [random.below(messages.length)]
  const whole = Buffer.from(messages[random.pick(fitting)]?.(random) ?? [])
  if (random.chance(0.8)) return whole
  const damaged = Buffer.from(whole)
  for (let times = 1 + random.below(3); times > 0 && damaged.length > 0; times--) {
    damaged[random.below(damaged.length)] = random.below(256)
  }
  return random.chance(0.3) ? damaged.subarray(0, random.below(damaged.length + 1)) : damaged
}

/** Which of the messages below answer the call that is the stream with this number. */
const fit: Readonly<Record<number, readonly number[]>> = { 1: [0], 3: [8], 5: [1], 7: [2, 3, 3, 3, 4], 9: [5], 11: [6] }

const messages: readonly ((random: Random) => Uint8Array)[] = [
  (random) =>
    v1.encodeHelloReply({
      protocol: random.below(3),
      version: '0.1.0',
      generation: random.below(9),
      instance: noise(random, 16),
      enforcements: [],
      services: [],
    }),
  (random) =>
    v1.encodeFileInfo({
      name: noise(random, 5),
      kind: 'regular',
      mode: 420,
      size: 3,
      modifiedMs: 4,
      link: noise(random, 0),
    }),
  () => v1.encodeExecOutput({ output: { case: 'started', value: { pid: 3 } } }),
  (random) => v1.encodeExecOutput({ output: { case: 'stdout', value: noise(random, random.below(2000)) } }),
  (random) =>
    v1.encodeExecOutput({
      output: {
        case: 'ended',
        value: {
          how: { case: random.pick(['code', 'signal', 'notExecuted']), value: random.below(300) - 9 },
          wallMs: 1,
          cpuMs: 1,
          peakMemoryBytes: 1,
        },
      },
    }),
  (random) => v1.encodeBytes({ data: archivePart(random) }),
  (random) => v1.encodeTarResult({ entries: random.below(10), bytes: random.below(1000) }),
  (random) => noise(random, random.below(5000)),
  (random) => v1.encodeStatsReply({ ...stats, processes: random.below(9) }),
]

const stats: v1.StatsReply = {
  memoryBytes: 1,
  memoryLimitBytes: 0,
  cpuMs: 0,
  processes: 0,
  processesLimit: 0,
  uptimeMs: 0,
  cpuPressure: { some10s: Number.NaN, someTotalUs: 0 },
  memoryPressure: undefined,
  ioPressure: undefined,
  lastDenials: [{ atMs: 0, operation: '\u{1b}', subject: Buffer.from('\u{7}') }],
}

function archivePart(random: Random): Buffer {
  const name = random.pick(['a', 'a/b', '../x', '/etc/passwd', 'a/./b', 'n'.repeat(300), ''])
  const about = { path: Buffer.from(name), mode: 0o4755, modifiedMs: 0, link: Buffer.from('/etc') }
  return random.pick([
    () => headerOf({ ...about, kind: 'directory', size: 0 }),
    () => headerOf({ ...about, kind: 'symlink', size: 0 }),
    () => Buffer.concat([headerOf({ ...about, kind: 'file', size: 100 }), Buffer.alloc(512)]),
    () => endOfArchive(),
    () => noise(random, 512),
  ])()
}

/** Now and then a message comes in pieces, and the rest of it is another's beginning. */
function cut(random: Random, bytes: Buffer): Buffer {
  return random.chance(0.1) ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes
}

/** Any frame at all. */
function wild(random: Random, open: readonly number[]): Buffer {
  const type = random.pick([
    dataFrame,
    headersFrame,
    2,
    resetFrame,
    settingsFrame,
    5,
    pingFrame,
    goAwayFrame,
    windowFrame,
    9,
    10,
    99,
  ])
  const stream = random.pick([0, 1, 2, 3, 0x7f_ff_ff_ff, ...open])
  const payload = noise(random, random.pick([0, 1, 4, 5, 6, 8, 9, 30, 200, 20_000]))
  const bytes = frame(type, random.below(256), stream, payload)
  // A length that is not the payload's shifts all that follows.
  if (random.chance(0.1)) bytes.writeUIntBE(random.below(2 ** 24), 0, 3)
  return random.chance(0.05) ? bytes.subarray(0, random.below(bytes.length)) : bytes
}

function noise(random: Random, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length; at++) bytes[at] = random.below(256)
  return bytes
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

async function room(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })
}
