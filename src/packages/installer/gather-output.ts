import type { Readable } from 'node:stream'

/** Of stderr, from whose end errors are told. */
const keptOfStderr = 64 * 1024

/**
 * What a program prints until both streams have ended, or `too much`: then nothing more of it is kept, and `onTooMuch` ends it.
 */
export async function gatherOutput({
  stdout,
  stderr,
  maxBytes,
  onTooMuch,
}: {
  readonly stdout: Readable
  readonly stderr: Readable
  /** Both together. */
  readonly maxBytes: number
  readonly onTooMuch: () => void
}): Promise<{ readonly stdout: string; readonly stderr: string } | 'too much'> {
  const out: Buffer[] = []
  let [bytes, err] = [0, Buffer.alloc(0)]
  const count = (chunk: Buffer): boolean => {
    const before = bytes
    bytes += chunk.length
    if (before <= maxBytes && bytes > maxBytes) onTooMuch()
    return bytes <= maxBytes
  }
  const take = async (stream: Readable, keep: (chunk: Buffer) => void): Promise<void> => {
    for await (const chunk of stream as AsyncIterable<Buffer>) if (count(chunk)) keep(chunk)
  }
  await Promise.all([
    take(stdout, (chunk) => void out.push(chunk)),
    take(stderr, (chunk) => {
      err = Buffer.concat([err, chunk]).subarray(-keptOfStderr)
    }),
  ])
  return bytes > maxBytes ? 'too much' : { stdout: Buffer.concat(out).toString(), stderr: err.toString() }
}
