import { finished, type Readable } from 'node:stream'

/**
 * Calls `onLine` with each line of a stream, without its newline, and settles when the stream has ended.
 * @throws when a line is longer than `maxBytes`, when the stream fails, or what `onLine` throws; the stream is destroyed then
 */
export async function readLines(stream: Readable, maxBytes: number, onLine: (line: string) => void): Promise<void> {
  let parts: Buffer[] = []
  let held = 0
  const take = (chunk: Buffer): void => {
    let from = 0
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      const end = chunk.subarray(from, at)
      onLine((parts.length === 0 ? end : Buffer.concat([...parts, end])).toString('utf8'))
      parts = []
      held = 0
      from = at + 1
    }
    held += chunk.length - from
    if (held > maxBytes) throw new Error(`a line of more than ${maxBytes} bytes`)
    if (from < chunk.length) parts.push(chunk.subarray(from))
  }
  // Not `for await`: its turns of promises take as long as a line of a program's connection, which waits.
  await new Promise<void>((resolve, reject) => {
    finished(stream, { writable: false }, (error) => (error ? reject(error) : resolve()))
    stream.on('data', (chunk: Buffer) => {
      try {
        take(chunk)
      } catch (error) {
        // `finished` tells.
        stream.destroy(error instanceof Error ? error : new Error(String(error)))
      }
    })
  })
}
