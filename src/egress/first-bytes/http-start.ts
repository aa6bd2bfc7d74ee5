/** The names of HTTP's methods are tokens (RFC 9110, 5.6.2); the longest that is registered has 17 letters. */
const maxMethod = 24
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
/** A request line that is longer is refused by nearly all servers (RFC 9112, 3: at least 8000 bytes should be taken). */
const maxRequestLine = 12 * 1024

export type HttpStart =
  /** It may still become one. */
  | 'more'
  /** A request of HTTP/1, or what a lenient server would take for one. */
  | 'http'
  /** HTTP/2 in the clear, with prior knowledge (RFC 9113, 3.3). */
  | 'http2'
  | 'other'

/**
 * Whether a connection begins as HTTP does: `METHOD TARGET HTTP/1.x`. Rather too often than not: whoever sends something
 * that only some servers take for HTTP (empty lines, tabs, RFC 9112, 2.2 and 3) has it read by a parser that refuses it.
 */
export function httpStart(bytes: Buffer): HttpStart {
  const text = bytes.toString('latin1', 0, maxRequestLine)
  if (text.startsWith(preface)) return 'http2'
  if (preface.startsWith(text)) return 'more'
  const start = text.replace(/^[\s\0]+/, '')
  const line = /^[^\n]*/.exec(start)?.[0] ?? ''
  if (/HTTP\/\d/i.test(line)) return 'http'
  const isWhole = line.length < start.length || bytes.length >= maxRequestLine
  return !isWhole && mayBecomeRequest(line) ? 'more' : 'other'
}

/** Programs of other protocols wait for an answer to what they have sent: they are not kept waiting longer than needed. */
function mayBecomeRequest(line: string): boolean {
  const [method = '', target] = line.split(/[\s\0]+/, 2)
  if (target === undefined || target === '') return line === '' || (method.length <= maxMethod && token.test(method))
  return method.length <= maxMethod && token.test(method) && (/^[/*h]/i.test(target) || method === 'CONNECT')
}
