import type { Duplex } from 'node:stream'
import { GloveboxError, messageOf } from '../../../errors.ts'
import { readLines } from '../../../system/line-reader.ts'
import { patience, type Waited } from '../../../system/patience.ts'

/** QEMU's control channel (QEMU Machine Protocol, docs/interop/qmp-spec): one JSON document a line, both ways. */
export interface Qmp {
  /** @throws GloveboxError for QEMU's own error, a late answer, and a QEMU that is gone */
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>
  /** What QEMU wrote beside the protocol: its complaints, the last 4 KiB. */
  complaints(): string
  /** Settles when the other end is gone. */
  readonly closed: Promise<void>
}

type Message = Readonly<Record<string, unknown>>

/** Longest line: a console of 64 KiB whose every byte is escaped. */
const maxLineBytes = 512 * 1024
const maxComplaints = 4096
/** On a machine that swaps, a monitor may be slow; one that never answers must not hold us. */
const answerMs = 10_000

/**
 * Speaks with a monitor, and has negotiated already: what is executed before QEMU listens waits for it in the pipe.
 * @param onEvent events of QEMU's by their name
 * @param waited how long QEMU was kept from its processor
 */
export function openQmp(stream: Duplex, onEvent: (name: string, data: Message) => void, waited?: Waited): Qmp {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let next = 0
  let complaints = ''
  let end: GloveboxError | undefined

  const take = (line: string): void => {
    const message = parse(line)
    if (message === undefined) {
      complaints = `${complaints}${line}\n`.slice(-maxComplaints)
      return
    }
    if (typeof message['event'] === 'string') return onEvent(message['event'], dataOf(message['data']))
    const answer = typeof message['id'] === 'number' ? waiting.get(message['id']) : undefined
    if (answer === undefined) return // the greeting
    waiting.delete(message['id'] as number)
    if ('return' in message) answer.resolve(message['return'])
    else answer.reject(failed(describe(message['error'])))
  }

  const follow = async (): Promise<void> => {
    try {
      await readLines(stream, maxLineBytes, take)
    } catch (error) {
      complaints = `${complaints}${messageOf(error)}\n`.slice(-maxComplaints)
      stream.destroy()
    }
    end = failed(complaints.trim() === '' ? 'it ended' : complaints.trim())
    for (const answer of waiting.values()) answer.reject(end)
    waiting.clear()
  }
  // Told to whoever waits for an answer.
  stream.on('error', () => undefined)

  const execute = async (command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> => {
    if (end !== undefined) throw end
    const id = next++
    const answer = Promise.withResolvers<unknown>()
    waiting.set(id, answer)
    const late = (): void => {
      waiting.delete(id)
      answer.reject(failed(`no answer to ${command} within ${answerMs} ms`))
    }
    const settle = patience(answerMs, late, waited)
    stream.write(`${JSON.stringify({ execute: command, ...(args === undefined ? {} : { arguments: args }), id })}\n`)
    try {
      return await answer.promise
    } finally {
      settle()
    }
  }
  // Without it QEMU takes no other command.
  execute('qmp_capabilities').catch(() => undefined) // what follows fails for the same reason, and says so
  return { execute, complaints: () => complaints, closed: follow() }
}

/** Undefined for what is no message: QEMU's complaints come on the same descriptor. */
function parse(line: string): Message | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as Message
  } catch {
    return undefined // kept as a complaint, with the line itself
  }
}

function dataOf(data: unknown): Message {
  return typeof data === 'object' && data !== null ? (data as Message) : {}
}

function describe(error: unknown): string {
  const known = typeof error === 'object' && error !== null && 'desc' in error && typeof error.desc === 'string'
  return known ? (error as { desc: string }).desc : 'an error without a description'
}

function failed(why: string): GloveboxError {
  return new GloveboxError('NOT_STARTED', `QEMU: ${why.slice(0, 1000)}`)
}
