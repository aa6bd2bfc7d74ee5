import { Duplex } from 'node:stream'
import { messageOf } from '../../../errors.ts'
import { lost } from '../../../inside/failure.ts'
import type { CallStream } from '../../../inside/stream.ts'
import type { Bytes } from '../../../protocol/inside/v1.ts'

/** Data goes in messages of at most this size; the inside takes 1 MiB (docs/channel.md, "What is capped"). */
const pieceBytes = 256 * 1024

/**
 * A byte stream over a call whose answers are `Bytes`: an empty one says that the other direction has ended, as the end of
 * our messages says it of ours. A stream that is destroyed ends the call.
 * @param dataField the number of the field `data` in what we send
 */
export function duplexOver<Input>(
  call: CallStream<Input, Bytes>,
  answers: AsyncIterator<Bytes>,
  dataField: number,
): Duplex {
  let reading = false
  const pull = async (): Promise<void> => {
    reading = true
    try {
      for (;;) {
        const next = await answers.next()
        if (next.done === true) return void stream.push(null)
        if (next.value.data.length === 0) stream.push(null)
        else if (!stream.push(Buffer.from(next.value.data))) return
      }
    } catch (error) {
      stream.destroy(error instanceof Error ? error : lost(messageOf(error)))
    } finally {
      reading = false
    }
  }
  const stream = new Duplex({
    allowHalfOpen: true,
    read() {
      if (!reading) void pull()
    },
    write: (chunk: Buffer, _encoding, done) => void send(chunk, done),
    final(done) {
      call.end()
      done()
    },
    destroy(error, done) {
      call.cancel()
      done(error)
    },
  })
  const send = async (chunk: Buffer, done: (error?: Error) => void): Promise<void> => {
    try {
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        await call.sendBytes(dataField, chunk.subarray(at, at + pieceBytes))
      }
    } catch (error) {
      return done(error instanceof Error ? error : lost(messageOf(error)))
    }
    done()
  }
  // From the first moment on: the end of a call is only seen by who reads it.
  stream.read(0)
  return stream
}
