import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

/** How long a program may go on after its last answer. */
const lingerMs = 5000

/** Says the last thing on a stream. What comes behind it is read and thrown away: one with unread bytes would never be told of its end. */
export function endWith(stream: Duplex, last: string | Buffer): void {
  stream.end(last)
  stream.resume()
  const timer = setTimeout(() => stream.destroy(), lingerMs)
  stream.once('close', () => clearTimeout(timer))
}

/** What a program is told in place of an answer: in the words of the record, for whoever reads its log. */
export function refusalBody(why: { readonly kind: string; readonly rule: string; readonly reason: string }): string {
  const what = why.kind === 'failed' ? 'glovebox could not connect' : 'glovebox refused this'
  return `${what}: ${why.reason} (${why.rule})\n`
}

/** A whole answer, where there is no parser to write it; the connection ends with it. */
export function refusalMessage(status: number, body: string): string {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  return `${lines.join('\r\n')}\r\n\r\n${body}`
}
