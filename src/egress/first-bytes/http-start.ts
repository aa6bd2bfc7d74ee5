/** The names of HTTP's methods are tokens (RFC 9110, 5.6.2), of any length: many servers take one that nobody registered. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
/** The first words of git's own protocol (gitprotocol-pack(5)), which has no line end; no server takes them for HTTP. */
const git = /^[0-9a-f]{4}git-[a-z-]+ [^\s\0]+\0host=/

export type HttpStart =
  /** It may still become one. */
  | 'more'
  /** A request of HTTP/1, or what a lenient server would take for one. */
  | 'http'
  /** HTTP/2 in the clear, with prior knowledge (RFC 9113, 3.3). */
  | 'http2'
  /** No HTTP, and taken for it by servers all the same: llhttp, which is Node's, reads these with any method. */
  | 'mistakable'
  | 'other'

/**
 * Whether a connection begins as HTTP does: `METHOD TARGET HTTP/1.x`. Rather too often than not: whoever sends something
 * that only some servers take for HTTP (empty lines, tabs, RFC 9112, 2.2 and 3; targets of another scheme or of none) has
 * it read by a parser that refuses it. A line without an end stays undecided, however long: servers differ in how much
 * they take.
 */
export function httpStart(bytes: Buffer): HttpStart {
  const text = bytes.toString('latin1')
  if (text.startsWith(preface)) return 'http2'
  if (preface.startsWith(text)) return 'more'
  const start = text.replace(/^[\s\0]+/, '')
  const line = /^[^\n]*/.exec(start)?.[0] ?? ''
  // First, so that the same bytes in other pieces are not something else.
  if (!mayBecomeRequest(line)) return 'other'
  if (/HTTP\/\d/i.test(line)) return 'http'
  if (/\s(?:RTSP|ICE)\/\d/i.test(line)) return 'mistakable'
  return line.length < start.length ? 'other' : 'more'
}

/** Programs of other protocols wait for an answer to what they have sent: binary ones are not kept waiting for a line's end. */
function mayBecomeRequest(line: string): boolean {
  const [method = '', target = ''] = line.split(/\s+/, 2)
  if (line !== '' && !token.test(method)) return false
  return (target === '' || /^[\u{21}-\u{7e}\u{80}-\u{ff}]/u.test(target)) && !git.test(line)
}
