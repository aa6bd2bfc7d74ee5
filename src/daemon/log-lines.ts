import { StringDecoder } from 'node:string_decoder'

/** Of a log, as `logs --json` prints it. */
export interface LogLine {
  readonly schema: 'glovebox/log-line/1'
  readonly server: string
  /** Without its newline. What is not UTF-8 is U+FFFD. */
  readonly line: string
  /** There: the line is longer than what was kept for it, and goes on in the next one. */
  readonly continues?: true
}

/** In characters. A server that writes no newline takes no more memory than others. */
const most = 64 * 1024

/** The lines of a stream of bytes, each as soon as its newline is there; at the end what has none. */
export async function* logLines(server: string, chunks: AsyncIterable<Buffer>): AsyncIterable<LogLine> {
  const schema = 'glovebox/log-line/1'
  const decoder = new StringDecoder('utf8')
  let held = ''
  for await (const chunk of chunks) {
    const [first = '', ...more] = decoder.write(chunk).split('\n')
    held += first
    for (const next of more) {
      yield { schema, server, line: held }
      held = next
    }
    for (; held.length > most; held = held.slice(most))
      yield { schema, server, line: held.slice(0, most), continues: true }
  }
  held += decoder.end()
  if (held !== '') yield { schema, server, line: held }
}
