import { PassThrough, Writable, type Readable } from 'node:stream'
import { GloveboxError } from '../errors.ts'
import { patience, type Waited } from '../system/patience.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** What came back for a request: exactly one of the two. */
export type Answer =
  | { readonly result: JsonObject; readonly error?: undefined }
  | { readonly error: RpcError; readonly result?: undefined }

export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

export interface RequestOptions {
  /** After so long the request is cancelled. */
  readonly timeMs?: number | undefined
  /** How long the server was kept from its processor: that comes on top. */
  readonly waited?: Waited | undefined
  readonly signal?: AbortSignal | undefined
}

/** One conversation with a server, as its client. */
export interface McpConnection {
  /** What a guard, or the server itself, is attached to: what we write, and where we read. */
  readonly streams: { readonly clientIn: Readable; readonly clientOut: Writable }
  /** @throws GloveboxError TIMED_OUT; FAILED when the conversation has ended; the signal's reason */
  request(method: string, params: JsonObject, options?: RequestOptions): Promise<Answer>
  notify(method: string, params?: JsonObject): void
  /** Nothing more is asked: a server on stdio ends by that. Who waits may still be answered. */
  endInput(): void
  /** Everybody who waits is told this; so is everybody who asks from now on. */
  end(reason: string): void
}

interface Waiting {
  readonly settle: (answer: Answer) => void
  readonly fail: (error: unknown) => void
}

/** JSON-RPC's "Method not found". */
const notFound = -32601

/**
 * A client that has no capability of its own: what a server asks of it is answered with an error, but for `ping`. Its reader
 * believes nothing: lines have passed the guard, which bounds their length and depth.
 */
export function createMcpConnection(): McpConnection {
  const clientIn = new PassThrough()
  const waiting = new Map<number, Waiting>()
  let ended: string | undefined
  let last = 0

  const send = (message: object): void => {
    // What the input was ended before is answered by the end of the server.
    if (clientIn.writable) clientIn.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  }

  function take(message: unknown): void {
    if (Array.isArray(message)) return message.forEach(take)
    if (!isObject(message)) return
    const { id, method } = message
    if (typeof method === 'string') {
      if (id === undefined || id === null) return
      if (method === 'ping') send({ id, result: {} })
      else send({ id, error: { code: notFound, message: `This client does not have ${method}` } })
      return
    }
    const request = typeof id === 'number' ? waiting.get(id) : undefined
    if (request === undefined || typeof id !== 'number') return
    waiting.delete(id)
    request.settle(answerOf(message))
  }

  return {
    streams: { clientIn, clientOut: lineSink((line) => take(parse(line))) },

    async request(method, params, { timeMs, waited, signal } = {}) {
      signal?.throwIfAborted()
      if (ended !== undefined) throw new GloveboxError('FAILED', ended)
      const id = ++last
      const { promise, resolve, reject } = Promise.withResolvers<Answer>()
      waiting.set(id, { settle: resolve, fail: reject })
      const cancel = (error: unknown, reason: string): void => {
        if (!waiting.delete(id)) return
        // Who asked for the version may not be told to stop (MCP, cancellation).
        if (method !== 'initialize') send({ method: 'notifications/cancelled', params: { requestId: id, reason } })
        reject(error)
      }
      const onAbort = (): void => cancel(signal?.reason, whyAborted(signal?.reason))
      const settle =
        timeMs === undefined
          ? undefined
          : patience(timeMs, () => cancel(tooLate(method, timeMs), 'It took too long.'), waited)
      signal?.addEventListener('abort', onAbort, { once: true })
      try {
        send({ id, method, params })
        return await promise
      } finally {
        settle?.()
        signal?.removeEventListener('abort', onAbort)
      }
    },

    notify: (method, params) => send({ method, ...(params !== undefined && { params }) }),

    endInput: () => void clientIn.end(),

    end(reason) {
      ended ??= reason
      clientIn.end()
      for (const { fail } of waiting.values()) fail(new GloveboxError('FAILED', ended))
      waiting.clear()
    },
  }
}

function whyAborted(reason: unknown): string {
  return reason instanceof GloveboxError && reason.code === 'TIMED_OUT' ? 'It took too long.' : 'The caller has gone.'
}

export function tooLate(method: string, timeMs: number): GloveboxError {
  return new GloveboxError('TIMED_OUT', `no answer to ${method} within ${timeMs / 1000} s`, {
    fix: 'give it more time, or look at what the server writes to stderr',
  })
}

/** Calls back with each line that is written, without its newline. */
function lineSink(onLine: (line: string) => void): Writable {
  let parts: Buffer[] = []
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      let rest = chunk
      for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
        onLine(Buffer.concat([...parts, rest.subarray(0, at)]).toString('utf8'))
        parts = []
        rest = rest.subarray(at + 1)
      }
      if (rest.length > 0) parts.push(rest)
      done()
    },
  })
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined // no message: the caller passes it over, as it does what is no object
  }
}

function answerOf({ result, error }: JsonObject): Answer {
  if (isObject(error)) {
    const { code, message, data } = error
    const known = { code: typeof code === 'number' ? code : 0, message: typeof message === 'string' ? message : '' }
    return { error: { ...known, ...(data !== undefined && { data }) } }
  }
  return { result: isObject(result) ? result : {} }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
