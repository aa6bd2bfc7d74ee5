import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { constants } from 'node:http2'
import { GloveboxError, messageOf } from '../errors.ts'
import type { Call } from '../protocol/inside/codec.ts'
import { bytesPrefix, createMessageParser, prefixOf, statusText } from '../protocol/inside/grpc.ts'
import { callFailed, lost } from './failure.ts'

/** One open call. */
export interface CallStream<Input, Output> {
  /** Settles when there is room for more. @throws what ended the call */
  send(message: Input): Promise<void>
  /** The same for a message whose only field has these bytes, without copying them. */
  sendBytes(field: number, bytes: Uint8Array): Promise<void>
  /** The only message, or the last, and the end, in one piece. What keeps it from being sent, reading tells. */
  sendLast(message: Input): void
  /** Nothing more is sent. */
  end(): void
  /**
   * What the inside answers, read once. A reader that waits holds up this call and no other.
   * Ends with the call, and throws what it ended with when that was not "ok".
   */
  readonly messages: AsyncIterable<Output>
  /** Settles with the first headers of the answer. @throws what ended the call before */
  readonly answered: Promise<void>
  /** Headers at the very end, there when `messages` has ended. */
  trailers(): IncomingHttpHeaders
  /** Gives it up; whoever waits on it gets `why`. Idempotent. */
  cancel(why?: GloveboxError): void
}

export function createStream<Input, Output>(
  stream: ClientHttp2Stream,
  call: Call<Input, Output>,
  options: { maxBytes: number; whyClosed: () => GloveboxError | undefined },
): CallStream<Input, Output> {
  const name = call.path.slice(call.path.lastIndexOf('/') + 1)
  let trailers: IncomingHttpHeaders = {}
  let failure: GloveboxError | undefined
  let answeredAt: 'not yet' | 'headers' = 'not yet'
  const fail = (error: GloveboxError): void => {
    failure ??= error
    stream.close(constants.NGHTTP2_CANCEL)
    stream.destroy()
  }
  const take = (headers: IncomingHttpHeaders): void => {
    trailers = headers
  }
  const answered = Promise.withResolvers<void>()
  answered.promise.catch(() => undefined) // only some callers wait for it
  stream.once('response', (headers) => {
    answeredAt = 'headers'
    const wrong = wrongHeaders(headers)
    if (wrong !== undefined) return fail(lost(wrong))
    // An error can come as headers alone ("Trailers-Only").
    if (headers['grpc-status'] === undefined) answered.resolve()
    else take(headers)
  })
  stream.once('trailers', take)
  stream.on('error', (error: Error) => (failure ??= options.whyClosed() ?? lost(error.message, error)))
  const closed = new Promise<void>((resolve) => {
    stream.once('close', () => {
      const error = endOf()
      if (answeredAt === 'not yet' || error) answered.reject(error ?? lost('no answer'))
      else answered.resolve()
      resolve()
    })
  })

  /** What the call ended with; undefined for "ok". Only to be asked once it is closed. */
  const endOf = (): GloveboxError | undefined => {
    const status = trailers['grpc-status']
    if (typeof status === 'string' && /^\d{1,3}$/.test(status)) {
      const message = trailers['grpc-message']
      const text = statusText(typeof message === 'string' ? message : '')
      return failure ?? (status === '0' ? undefined : callFailed(name, Number(status), text))
    }
    return failure ?? options.whyClosed() ?? lost(`${name} ended without a status`)
  }

  const write = async (...parts: readonly Uint8Array[]): Promise<void> => {
    if (stream.destroyed || stream.writableEnded) {
      await closed
      throw endOf() ?? new GloveboxError('CHANNEL_LOST', `${name} has ended already`)
    }
    let room = true
    if (parts.length > 1) stream.cork()
    for (const part of parts) room = stream.write(part)
    if (parts.length > 1) stream.uncork()
    if (!room) await drained(stream)
  }

  async function* read(): AsyncGenerator<Output> {
    const parser = createMessageParser(options.maxBytes)
    try {
      for await (const chunk of chunksOf(stream)) {
        for (const message of parser.push(chunk)) yield call.decode(message)
      }
      if (!parser.atBoundary) failure ??= lost(`${name} ended inside a message`)
    } catch (error) {
      // Of the stream: it has said why already. Of the parser or the decoder: the peer breaks the protocol.
      fail(failure ?? options.whyClosed() ?? lost(messageOf(error), error))
    } finally {
      // A reader that leaves early has no use for the rest.
      if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL)
      // Nor has anybody for what was still to be sent; with that waiting, Node would keep a call that the peer has closed.
      stream.destroy()
      await closed
    }
    const error = endOf()
    if (error) throw error
  }

  return {
    send: async (message) => {
      const bytes = call.encode(message)
      await write(prefixOf(bytes.length), bytes)
    },
    sendBytes: async (field, bytes) => write(bytesPrefix(field, bytes.length), bytes),
    sendLast(message) {
      const bytes = call.encode(message)
      stream.end(Buffer.concat([prefixOf(bytes.length), bytes]))
    },
    end: () => void stream.end(),
    messages: { [Symbol.asyncIterator]: read },
    answered: answered.promise,
    trailers: () => trailers,
    cancel: (why) => {
      if (stream.destroyed) return
      fail(why ?? new GloveboxError('CHANNEL_LOST', `${name} was given up`))
    },
  }
}

function wrongHeaders(headers: IncomingHttpHeaders): string | undefined {
  if ((headers[':status'] as unknown) !== 200) return `an HTTP status ${String(headers[':status'])}`
  const type = headers['content-type'] ?? ''
  return type.startsWith('application/grpc') ? undefined : `an answer of type "${type}"`
}

/** Settles when there is room again, or when there will never be. */
async function drained(stream: ClientHttp2Stream): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('drain', done)
      stream.off('close', done)
      resolve()
    }
    stream.on('drain', done)
    stream.on('close', done)
  })
}

/**
 * What comes, to its end. A peer that has answered in full may close a call before we have sent all (RST_STREAM with
 * NO_ERROR, RFC 9113, 8.1): Node tells that as "aborted", on which its own iteration of streams drops what is still to be read.
 */
async function* chunksOf(stream: ClientHttp2Stream): AsyncGenerator<Buffer> {
  let wake = (): void => undefined
  const woken = (): void => wake()
  const events = ['readable', 'end', 'close', 'error'] as const
  for (const event of events) stream.on(event, woken)
  try {
    for (;;) {
      const chunk = stream.read() as Buffer | null
      if (chunk !== null) yield chunk
      else if (stream.readableEnded || stream.destroyed) return
      else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
  } finally {
    for (const event of events) stream.off(event, woken)
  }
}
