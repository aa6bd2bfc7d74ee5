import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import path from 'node:path'
import { openInside, type Inside } from '../../src/inside/client.ts'
import { startProgram } from '../../src/inside/program.ts'
import { filesCalls, helloCalls } from '../../src/protocol/inside/v1.ts'
import { connectUnix } from '../../src/system/connect-unix.ts'
import { findInside } from '../../src/system/native.ts'
import { atMostAbove, type Figure, type Options, type Way } from '../case.ts'
import { box, type Box } from '../channel/box.ts'
import { root } from '../machine.ts'
import { summarize } from '../stats.ts'
import { milliseconds, timed } from './start.ts'

const program = '/usr/bin/true'
const streamBytes = 1024 ** 3

/** The way into a running sandbox: calls, bytes, programs, and what stands ready for them. */
export async function channel(options: Options): Promise<Figure[]> {
  using running = await box(options.glovebox, options.env)
  const inside = await openInside(await connectUnix(running.socket))
  try {
    const idle = running.agentBytes()
    const raw = await rawPeer(running)
    try {
      return [
        await calls(inside, raw, options.runs),
        await stream(inside, raw, Math.ceil(options.runs / 20)),
        await programs(inside, options.runs),
        commands(running, options),
        ...sizes(idle),
      ]
    } finally {
      raw.stop()
    }
  } finally {
    inside.close()
  }
}

interface RawPeer {
  readonly echo: string
  readonly source: string
  stop(): void
}

async function rawPeer({ home }: Box): Promise<RawPeer> {
  const [echo, source] = [path.join(home, 'echo'), path.join(home, 'source')]
  const peer = path.join(root, 'bench/channel/raw-peer.mjs')
  const child = spawn(process.execPath, [peer, echo, source, String(streamBytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  return { echo, source, stop: () => void child.kill() }
}

async function calls(inside: Inside, { echo }: RawPeer, runs: number): Promise<Figure> {
  const socket = await connectUnix(echo)
  const alternatives = {
    'echo over a Unix socket': async () => {
      socket.write('hello')
      await once(socket, 'data')
    },
    'a call over the channel': async () => {
      await inside.connection.unary(helloCalls.hello, { oldest: 1, newest: 1 })
    },
  }
  const ways = await inTurns(alternatives, runs * 20, 100)
  socket.destroy()
  const met = (ways[1]?.summary.median ?? Infinity) <= 0.12
  return { name: 'one call with one answer', unit: 'ms', ways, target: { words: 'at most 0.12 ms', met } }
}

async function stream(inside: Inside, { source }: RawPeer, runs: number): Promise<Figure> {
  // Nothing is on a disk: a file of zeros that the kernel has no pages for.
  await run(inside, ['truncate', '-s', String(streamBytes), '/tmp/zeros'])
  const alternatives = {
    'a Unix socket': async () => {
      const socket = await connectUnix(source)
      let bytes = 0
      socket.on('data', (chunk: Buffer) => (bytes += chunk.length))
      await once(socket, 'close')
      if (bytes < streamBytes) throw new Error('not all came')
    },
    'one stream of the channel': async () => {
      const call = inside.connection.open(filesCalls.read)
      const file = { root: undefined, path: Buffer.from('tmp/zeros'), noFollow: false }
      await call.send({ file, offset: 0, length: undefined })
      call.end()
      let bytes = 0
      for await (const { data } of call.messages) bytes += data.length
      if (bytes !== streamBytes) throw new Error('not all came')
    },
  }
  const ways = await inTurns(alternatives, runs)
  const [plain = Infinity, ours = Infinity] = ways.map(({ summary }) => summary.median)
  const met = ours <= 2 * plain || streamBytes / ours / 1e6 >= 1.2
  return {
    name: '1 GiB from one end to the other',
    unit: 'ms',
    ways,
    target: { words: 'at least half as fast as the plain socket, or 1.2 GB/s', met },
  }
}

async function programs(inside: Inside, runs: number): Promise<Figure> {
  const alternative = { name: 'fork and exec', argv: [program], plan: null }
  const times = await timed({ rounds: runs, warmup: 10, alternatives: [alternative] })
  const bare: Way = { name: alternative.name, summary: summarize(milliseconds(times[alternative.name] ?? [])) }
  const [walled] = await inTurns({ 'exec in a running sandbox': async () => run(inside, [program]) }, runs)
  const target = walled && atMostAbove(bare, walled, 2, 'at most 2 ms over fork and exec')
  return {
    name: `start and end of ${program}, at the channel`,
    unit: 'ms',
    ways: walled ? [bare, walled] : [bare],
    target,
  }
}

async function run(inside: Inside, argv: readonly string[]): Promise<void> {
  const words = argv.map((word) => Buffer.from(word))
  const start = { argv: words, environment: [], environmentOnly: false, directory: undefined, terminal: undefined }
  const started = await startProgram(inside.connection, start, () => undefined)
  const { how } = await started.ended
  if (how?.case !== 'code' || how.value !== 0) throw new Error(`${argv.join(' ')} failed`)
}

function commands({ name, env }: Box, { glovebox, runs }: Options): Figure {
  const alternatives: Readonly<Record<string, readonly string[]>> = {
    'glovebox exec, a fresh sandbox': [...glovebox, 'exec', '--', program],
    'glovebox exec NAME': [...glovebox, 'exec', name, '--', program],
  }
  const times = Object.fromEntries(Object.keys(alternatives).map((way) => [way, [] as number[]]))
  for (let round = -3; round < Math.ceil(runs / 4); round++) {
    for (const [way, [file = '', ...args]] of Object.entries(alternatives)) {
      const begun = performance.now()
      const { status, stderr } = spawnSync(file, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
      if (status !== 0) throw new Error(`${way}: ${stderr}`)
      if (round >= 0) times[way]?.push(performance.now() - begun)
    }
  }
  const ways = Object.entries(times).map(([way, values]) => ({ name: way, summary: summarize(values) }))
  return { name: `the whole command for ${program}`, unit: 'ms', ways, target: undefined }
}

function sizes(idle: number): Figure[] {
  const megabytes = (bytes: number): number => bytes / 2 ** 20
  const figure = (name: string, way: string, bytes: number): Figure => ({
    name,
    unit: 'MB',
    ways: [{ name: way, summary: summarize([megabytes(bytes)]) }],
    target: { words: 'at most 4 MB', met: megabytes(bytes) <= 4 },
  })
  return [
    figure('resident memory of the inside, idle', 'the process that serves the channel', idle),
    figure('size of glovebox-inside', 'the file', statSync(findInside(process.env)).size),
  ]
}

/** `block` rounds of each at a time: what takes microseconds is not measured right behind something else. */
async function inTurns(
  alternatives: Readonly<Record<string, () => Promise<void>>>,
  runs: number,
  block: number = 1,
): Promise<Way[]> {
  const times = Object.fromEntries(Object.keys(alternatives).map((name) => [name, [] as number[]]))
  for (let round = -Math.min(100, Math.ceil(runs / 5)); round < runs; round += block) {
    for (const [name, once] of Object.entries(alternatives)) {
      for (let turn = 0; turn < block; turn++) {
        const begun = performance.now()
        await once()
        if (round >= 0) times[name]?.push(performance.now() - begun)
      }
    }
  }
  return Object.entries(times).map(([name, values]) => ({ name, summary: summarize(values) }))
}
