/** The names of HTTP's methods are tokens (RFC 9110, 5.6.2); the longest that is registered has 17 letters. */
const maxMethod = 24
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
/** A request line that is longer is refused by nearly all servers (RFC 9112, 3: at least 8000 bytes should be taken). */
const maxRequestLine = 12 * 1024

export type HttpStart =
  /** It may still become one. */
  | 'more'
  /** A request of HTTP/1. */
  | 'http'
  /** HTTP/2 in the clear, with prior knowledge (RFC 9113, 3.3). */
  | 'http2'
  | 'other'

/** Whether a connection begins as HTTP does: `METHOD TARGET HTTP/1.x`. */
export function httpStart(bytes: Buffer): HttpStart {
  const text = bytes.toString('latin1', 0, maxRequestLine)
  if (text.startsWith(preface)) return 'http2'
  if (preface.startsWith(text)) return 'more'
  // Servers pass over empty lines before a request (RFC 9112, 2.2).
  const start = text.replace(/^(?:\r\n|\n)+/, '')
  if (start === '' || start === '\r') return bytes.length < maxMethod ? 'more' : 'other'
  const space = start.indexOf(' ')
  if (space < 0) return start.length <= maxMethod && token.test(start) ? 'more' : 'other'
  if (space > maxMethod || !token.test(start.slice(0, space))) return 'other'
  const end = start.indexOf('\n')
  if (end < 0) return bytes.length < maxRequestLine ? 'more' : 'other'
  return / HTTP\/\d+(?:\.\d+)?\r?$/.test(start.slice(0, end)) ? 'http' : 'other'
}
