import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createGuard } from '../../src/guard/guard.ts'
import type { Guard, GuardOptions } from '../../src/guard/guard.ts'
import type { Output } from '../../src/guard/outputs.ts'
import type { Direction, Fact } from '../../src/protocol/facts.ts'

/** A guard with both of its sides played by a test. */
export interface Conversation {
  readonly guard: Guard
  readonly facts: Fact[]
  /** Sends lines; strings go as they are, objects as JSON. */
  client(...lines: readonly (string | Buffer | object)[]): Handed
  server(...lines: readonly (string | Buffer | object)[]): Handed
  /** The answer to `initialize` that agrees on a version. */
  initialize(version: string): void
  /** The `reason` of each refusal so far. */
  refusals(): string[]
}

/** What the guard handed out, as lines. */
export interface Handed {
  readonly toClient: string[]
  readonly toServer: string[]
}

/** The rate of facts is not what most tests are about: the clock gives a second between two calls. */
export function startConversation(options: Partial<GuardOptions> = {}): Conversation {
  const facts: Fact[] = []
  let time = 0
  const guard = createGuard({ record: (fact) => facts.push(fact), now: () => (time += 1000), ...options })
  const send = (direction: Direction, lines: readonly (string | Buffer | object)[]): Handed => {
    const chunks = lines.map((line) => Buffer.concat([bytesOf(line), Buffer.from('\n')]))
    return handed(guard.receive(direction, Buffer.concat(chunks)))
  }
  return {
    guard,
    facts,
    client: (...lines) => send('client-to-server', lines),
    server: (...lines) => send('server-to-client', lines),
    initialize(version) {
      send('client-to-server', [request(0, 'initialize', { protocolVersion: version })])
      const { toClient } = send('server-to-client', [result(0, { protocolVersion: version })])
      assert.equal(toClient.length, 1)
    },
    refusals: () => facts.flatMap((fact) => (fact.fact === 'refusal' ? [fact.reason] : [])),
  }
}

export function handed(outputs: readonly Output[]): Handed {
  const lines = (to: Output['to']): string[] => {
    const text = Buffer.concat(outputs.filter((output) => output.to === to).map(({ bytes }) => bytes)).toString()
    assert.ok(text === '' || text.endsWith('\n'), 'whole lines are handed out')
    return text.split('\n').slice(0, -1)
  }
  return { toClient: lines('client'), toServer: lines('server') }
}

function bytesOf(line: string | Buffer | object): Buffer {
  if (Buffer.isBuffer(line)) return line
  return Buffer.from(typeof line === 'string' ? line : JSON.stringify(line))
}

export function request(id: unknown, method: string, params?: unknown): object {
  return { jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) }
}

export function notification(method: string, params?: unknown): object {
  return { jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) }
}

export function result(id: unknown, value: unknown = {}): object {
  return { jsonrpc: '2.0', id, result: value }
}

export function call(id: unknown, name: unknown, rest: object = {}): object {
  return request(id, 'tools/call', { name, arguments: {}, ...rest })
}

/** The error in a line that the guard wrote. */
export interface AnsweredError {
  readonly id: unknown
  readonly error: { readonly code: number; readonly message: string; readonly data?: { readonly reason: string } }
}

export function errorsIn(lines: readonly string[]): AnsweredError[] {
  return lines.map((line) => JSON.parse(line) as AnsweredError)
}

export interface TranscriptLine {
  readonly from: 'client' | 'server'
  readonly line: string
}

export const transcripts = ['filesystem', 'everything', 'modern'] as const

export function readTranscript(name: (typeof transcripts)[number]): TranscriptLine[] {
  const text = readFileSync(new URL(`../fixtures/transcripts/${name}.jsonl`, import.meta.url), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as TranscriptLine)
}
