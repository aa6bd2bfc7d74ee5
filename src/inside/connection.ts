import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { GloveboxError, messageOf } from '../errors.ts'
import { patience, type Waited } from '../system/patience.ts'
import type { Call } from '../protocol/inside/codec.ts'
import { defaultCaps, type Caps } from './caps.ts'
import { lost } from './failure.ts'
import { watchLiveness } from './liveness.ts'
import { createStream, type CallStream } from './stream.ts'

/** One HTTP/2 connection to an inside, over a byte stream that was handed in. */
export interface Connection {
  /** A call with one message each way. @throws GloveboxError for its end, its time, and a lost peer */
  unary<Input, Output>(call: Call<Input, Output>, message: Input, options?: { timeoutMs?: number }): Promise<Output>
  /** A call that streams. Whoever opens it reads it to its end or cancels it. */
  open<Input, Output>(call: Call<Input, Output>): CallStream<Input, Output>
  /** Settles when the connection is gone; with the error unless we closed it. */
  readonly closed: Promise<GloveboxError | undefined>
  /** Ends everything on it at once. Idempotent. */
  close(): void
}

/**
 * Speaks HTTP/2 with prior knowledge (RFC 9113, 3.3) over this stream, as the client.
 * @throws GloveboxError CHANNEL_LOST when the peer does not answer as one that speaks it
 */
export async function openConnection(duplex: Duplex, caps: Caps = defaultCaps): Promise<Connection> {
  const session = start(duplex, caps)
  let failure: GloveboxError | undefined
  let ours = false
  const fail = (error: GloveboxError): void => {
    failure ??= error
    session.destroy()
  }
  const liveness = watchLiveness(session, caps, () => fail(lost('it gives no sign of life any more')))
  const closed = new Promise<GloveboxError | undefined>((resolve) => {
    session.once('close', () => {
      liveness.stop()
      duplex.destroy()
      resolve(ours ? undefined : (failure ??= lost('the other end closed it')))
    })
  })
  session.on('error', (error: Error) => (failure ??= lost(error.message, error)))
  session.on('goaway', (code: number) => (failure ??= lost(`the other end takes no more calls (HTTP/2 error ${code})`)))
  duplex.on('error', (error: Error) => fail(lost(error.message, error)))
  // A session over a stream that is no socket does not notice that it has ended.
  duplex.once('close', () => session.destroy())
  await connected(session, closed, caps)

  const request = (path: string): ClientHttp2Stream => {
    if (session.destroyed || session.closed) throw failure ?? lost('it is closed')
    if (liveness.open >= caps.streams) throw new GloveboxError('FAILED', `more than ${caps.streams} calls at once`)
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc+proto',
      [constants.HTTP2_HEADER_TE]: 'trailers',
    })
    liveness.opened(stream)
    return stream
  }
  const open = <Input, Output>(call: Call<Input, Output>, maxBytes: number): CallStream<Input, Output> =>
    createStream(request(call.path), call, { maxBytes, whyClosed: () => failure })

  return {
    open: (call) => open(call, caps.streamMessage),
    async unary(call, message, { timeoutMs = caps.callMs } = {}) {
      const stream = open(call, caps.message)
      return oneAnswer(stream, message, call.path, { timeoutMs, waited: caps.waited })
    },
    closed,
    close() {
      ours = true
      session.destroy()
    },
  }
}

function start(duplex: Duplex, caps: Caps): ClientHttp2Session {
  return connect('http://inside', {
    createConnection: () => duplex,
    // Server push is off in our settings; a header list or a flood of settings ends the session inside nghttp2.
    settings: {
      enablePush: false,
      initialWindowSize: caps.window,
      maxHeaderListSize: caps.headers,
      maxFrameSize: 2 ** 18,
    },
    maxSettings: 32,
    maxHeaderListPairs: 64,
    maxReservedRemoteStreams: 0,
    // Megabytes; a stream costs some KiB here, and thousands may be open.
    maxSessionMemory: 128,
  })
}

/** Resolves with the peer's settings: a peer that never sends them is none. */
async function connected(
  session: ClientHttp2Session,
  closed: Promise<GloveboxError | undefined>,
  { connectMs, waited }: Caps,
): Promise<void> {
  let settle: (() => void) | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      session.once('remoteSettings', () => resolve())
      settle = patience(connectMs, () => reject(lost('nobody answers')), waited)
      void closed.then((error) => reject(error ?? lost('it was closed')))
    })
    // Streams are bounded one by one; all together only by their number.
    session.setLocalWindowSize(2 ** 30)
  } catch (error) {
    session.destroy()
    throw error
  } finally {
    settle?.()
  }
}

async function oneAnswer<Input, Output>(
  stream: CallStream<Input, Output>,
  message: Input,
  path: string,
  { timeoutMs, waited }: { readonly timeoutMs: number; readonly waited: Waited | undefined },
): Promise<Output> {
  const late = new GloveboxError('TIMED_OUT', `${path.slice(1)}: no answer within ${timeoutMs} ms`)
  const settle = patience(timeoutMs, () => stream.cancel(late), waited)
  try {
    stream.sendLast(message)
    const answers: Output[] = []
    for await (const answer of stream.messages) {
      if (answers.push(answer) > 1) throw lost(`two answers to ${path.slice(1)}`)
    }
    const [answer] = answers
    if (answer === undefined) throw lost(`no answer to ${path.slice(1)}`)
    return answer
  } catch (error) {
    stream.cancel()
    throw error instanceof GloveboxError ? error : lost(messageOf(error), error)
  } finally {
    settle()
  }
}
