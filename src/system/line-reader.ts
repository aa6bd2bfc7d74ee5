import type { Readable } from 'node:stream'

/**
 * Calls `onLine` with each line of a stream, without its newline, and settles when the stream has ended.
 * @throws when a line is longer than `maxBytes`, when the stream fails, or what `onLine` throws; the stream is destroyed then
 */
export async function readLines(stream: Readable, maxBytes: number, onLine: (line: string) => void): Promise<void> {
  let parts: Buffer[] = []
  let held = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let rest = chunk
    for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
      onLine(Buffer.concat([...parts, rest.subarray(0, at)]).toString('utf8'))
      parts = []
      held = 0
      rest = rest.subarray(at + 1)
    }
    held += rest.length
    if (held > maxBytes) throw new Error(`a line of more than ${maxBytes} bytes`)
    if (rest.length > 0) parts.push(rest)
  }
}
