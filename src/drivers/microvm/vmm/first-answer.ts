import type { Readable } from 'node:stream'
import { GloveboxError } from '../../../errors.ts'

/** An identifier that no client takes for one of its own, and that is not used twice (MCP, "Requests"). */
const pingId = (count: number): string => `glovebox-is-it-up-${count}`

/** What a server is asked to find out whether it is up. */
export function ping(count: number): string {
  return `${JSON.stringify({ jsonrpc: '2.0', id: pingId(count), method: 'ping' })}\n`
}

const maxAnswerBytes = 64 * 1024

/** Lines of a server's output, one when it is asked for, in turns. */
export interface Answers {
  /** The next line. @throws GloveboxError where there will be none */
  next(): Promise<string>
  /** How many bytes came that nobody has asked for, to the end. */
  readonly more: Promise<number>
}

export function answersOf(stream: Readable): Answers {
  let asked: PromiseWithResolvers<string> | undefined
  let end: GloveboxError | undefined
  const fail = (error: GloveboxError): void => {
    end = error
    asked?.reject(error)
  }
  const read = async (): Promise<number> => {
    let held = Buffer.alloc(0)
    let more = 0
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (asked === undefined) {
        more += chunk.length
        continue
      }
      held = Buffer.concat([held, chunk])
      const at = held.indexOf(10)
      if (at < 0 && held.length > maxAnswerBytes) throw refused('its first line has no end')
      if (at < 0) continue
      const [line, { resolve }] = [held.subarray(0, at).toString('utf8'), asked]
      more += held.length - at - 1
      held = Buffer.alloc(0)
      asked = undefined
      resolve(line)
    }
    fail(refused('it closed its output instead of answering a ping'))
    return more
  }
  const more = read()
  more.catch((error: GloveboxError) => fail(error))
  return {
    async next() {
      if (end !== undefined) throw end
      asked = Promise.withResolvers()
      return asked.promise
    },
    more,
  }
}

/** What a stream begins with; the rest is read away, and nothing of it kept. */
export async function beginningOf(stream: Readable, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let left = bytes
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    // Also an empty part of a chunk holds all of it.
    if (left === 0) continue
    parts.push(chunk.subarray(0, left))
    left -= Math.min(left, chunk.length)
  }
  return Buffer.concat(parts)
}

/** @throws GloveboxError for whatever is no answer to that ping; an error is one */
export function requireAnswer(line: string, count: number): void {
  let answer: unknown
  try {
    answer = JSON.parse(line)
  } catch (cause) {
    throw refused('what it says first is no message', cause)
  }
  if (!isAnswer(answer, pingId(count))) throw refused('it speaks before it is asked')
}

function isAnswer(message: unknown, id: string): boolean {
  if (typeof message !== 'object' || message === null || !('id' in message)) return false
  return message.id === id && ('result' in message || 'error' in message)
}

export function refused(why: string, cause?: unknown): GloveboxError {
  return new GloveboxError('HOST_CANNOT', `template "server": ${why}`, {
    fix: 'write "template": "boot", or leave it out',
    ...(cause !== undefined && { cause }),
  })
}
