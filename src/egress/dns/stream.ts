import type { Duplex } from 'node:stream'

/** Over a stream each message has its length before it (RFC 1035, 4.2.2); far more than any question has. */
const maxQueryBytes = 4096

/**
 * Answers questions over a stream, one after the other, until the program ends it, or says what is no question.
 * @throws what `answer` throws, and what the stream fails with
 */
export async function serveDnsStream(stream: Duplex, answer: (query: Buffer) => Buffer): Promise<void> {
  let held = Buffer.alloc(0)
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      held = Buffer.concat([held, chunk])
      while (held.length >= 2) {
        const length = held.readUInt16BE(0)
        if (length > maxQueryBytes) return
        if (held.length < 2 + length) break
        const reply = answer(held.subarray(2, 2 + length))
        held = held.subarray(2 + length)
        if (reply.length === 0) return
        const prefix = Buffer.alloc(2)
        prefix.writeUInt16BE(reply.length, 0)
        // The next question is read when this one's answer was taken.
        if (!stream.write(Buffer.concat([prefix, reply]))) await drained(stream)
      }
    }
    stream.end()
  } finally {
    stream.destroy()
  }
}

async function drained(stream: Duplex): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done)
      resolve()
    }
    stream.on('drain', done).on('close', done)
  })
}
