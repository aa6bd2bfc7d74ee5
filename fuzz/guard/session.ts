import assert from 'node:assert/strict'
import { createGuard } from '../../src/guard/guard.ts'
import type { Guard, GuardOptions } from '../../src/guard/guard.ts'
import { defaultLimits } from '../../src/guard/limits.ts'
import type { Output } from '../../src/guard/outputs.ts'
import type { Direction } from '../../src/protocol/facts.ts'
import { createFrameMaker } from './frames.ts'
import type { TranscriptLine } from './frames.ts'
import { createOracle } from './oracle.ts'
import { createRandom } from './random.ts'
import type { Random } from './random.ts'

export interface SessionResult {
  readonly cases: number
  readonly forwarded: number
}

/** What went wrong, and the line with which it did. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

interface Sent {
  readonly direction: Direction
  readonly line: Buffer
}

const policies = [
  { tools: {}, hiddenTool: hasInvisible },
  {
    tools: { deny: ['hidden*'] },
    hiddenTool: (name: string): boolean => hasInvisible(name) || plain(name).startsWith('hidden'),
  },
  {
    tools: { allow: ['echo', 'safe_*'] },
    hiddenTool: (name: string): boolean => hasInvisible(name) || !(name === 'echo' || name.startsWith('safe_')),
  },
]

/** One connection: some dozens of lines through one guard, each judged, then the end of the server. */
export function runSession(
  seed: number,
  transcripts: Readonly<Record<string, readonly TranscriptLine[]>>,
): SessionResult {
  const random = createRandom(seed)
  const { tools, hiddenTool } = random.pick(policies)
  const limits = {
    ...defaultLimits,
    messageBytes: random.chance(0.2) ? 600 : defaultLimits.messageBytes,
    outstanding: random.chance(0.2) ? 4 : defaultLimits.outstanding,
    factsPerSecond: 1e9,
    messagesPerSecond: 1e9,
  }
  const facts = { count: 0 }
  const options: GuardOptions = { record: () => void facts.count++, tools, limits, now: () => 0 }
  const guard = createGuard(options)
  const oracle = createOracle({ hiddenTool, ...limits })
  const sent: Sent[] = []
  const handed: Record<Output['to'], Buffer[]> = { client: [], server: [] }
  let forwarded = 0

  for (const { direction, line } of linesOf(random, transcripts, () => oracle.waiting())) {
    sent.push({ direction, line })
    const before = facts.count
    try {
      const outputs = feed(guard, random, direction, line)
      for (const { to, bytes } of outputs) handed[to].push(bytes)
      if (outputs.some(({ to }) => (to === 'server') === (direction === 'client-to-server'))) forwarded++
      // A carriage return before the newline belongs to the line's end.
      const content = line.at(-1) === 0x0d ? line.subarray(0, -1) : line
      oracle.check(direction, content, outputs, facts.count - before)
    } catch (error) {
      throw violation(error, direction, line)
    }
  }
  if (random.chance(0.1)) checkChunking(options, random, sent, handed)
  oracle.checkGone(guard.serverGone('gone'))
  return { cases: sent.length, forwarded }
}

/** A transcript played through with changes, or lines made up for what is waited for. */
function* linesOf(
  random: Random,
  transcripts: Readonly<Record<string, readonly TranscriptLine[]>>,
  waiting: () => string[],
): Iterable<Sent> {
  const maker = createFrameMaker(random, Object.values(transcripts).flat())
  if (random.chance(0.25)) {
    const changed = random.pick([0, 0.1, 0.5])
    for (const { from, line } of random.pick(Object.values(transcripts))) {
      const bytes = Buffer.from(line)
      yield {
        direction: from === 'client' ? 'client-to-server' : 'server-to-client',
        line: random.chance(changed) ? maker.mutate(bytes) : bytes,
      }
    }
    return
  }
  if (random.chance(0.5)) {
    const version = random.pick(['2025-03-26', '2025-11-25'])
    const params = { protocolVersion: version }
    yield {
      direction: 'client-to-server',
      line: Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 'init', method: 'initialize', params })),
    }
    yield {
      direction: 'server-to-client',
      line: Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 'init', result: params })),
    }
  }
  for (let count = 20 + random.below(40); count > 0; count--) {
    const direction = random.chance(0.5) ? 'client-to-server' : 'server-to-client'
    yield { direction, line: maker.make(direction, waiting()) }
  }
}

/** In one piece, cut at random, or byte by byte; nothing may come out before the newline. */
function feed(guard: Guard, random: Random, direction: Direction, line: Buffer): readonly Output[] {
  const bytes = Buffer.concat([line, Buffer.from('\n')])
  const size = random.pick([
    bytes.length,
    bytes.length,
    bytes.length,
    1 + random.below(bytes.length),
    1 + random.below(16),
    1,
  ])
  for (let at = 0; ; at += size) {
    const outputs = guard.receive(direction, bytes.subarray(at, at + size))
    if (at + size >= bytes.length) return outputs
    assert.deepEqual(outputs, [], 'nothing before the whole line')
  }
}

/** The same lines in other chunks, several lines in one, give each side the same bytes. */
function checkChunking(
  options: GuardOptions,
  random: Random,
  sent: readonly Sent[],
  handed: Readonly<Record<Output['to'], readonly Buffer[]>>,
): void {
  const guard = createGuard(options)
  const again: Record<Output['to'], Buffer[]> = { client: [], server: [] }
  let chunk: Buffer[] = []
  sent.forEach(({ direction, line }, index) => {
    chunk.push(line, Buffer.from('\n'))
    if (sent[index + 1]?.direction === direction && random.chance(0.7)) return
    for (const { to, bytes } of guard.receive(direction, Buffer.concat(chunk))) again[to].push(bytes)
    chunk = []
  })
  for (const side of ['client', 'server'] as const) {
    assert.ok(
      Buffer.concat(again[side]).equals(Buffer.concat(handed[side])),
      `the ${side} gets the same bytes whatever the chunks`,
    )
  }
}

function violation(error: unknown, direction: Direction, line: Buffer): Violation {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return new Violation(`${direction} ${JSON.stringify(line.toString('latin1'))}\n${what}`, { cause: error })
}

function hasInvisible(name: string): boolean {
  return /[\p{Cc}\p{Cf}\p{Cs}]/u.test(name)
}

function plain(name: string): string {
  return name.normalize('NFKC').replaceAll(/\s/g, '').toLowerCase()
}
