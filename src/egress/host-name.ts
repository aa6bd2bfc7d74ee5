import { domainToASCII } from 'node:url'

/** RFC 1035, 2.3.4: 255 bytes on the wire are 253 characters of text. */
const maxName = 253
const label = /^[a-z0-9_-]{1,63}$/
/** What inet_aton(3) takes for a number, and with it getaddrinfo(3): `127.1`, `0x7f000001`. No top-level domain is one. */
const number = /^(?:\d+|0x[0-9a-f]*)$/

/**
 * The one spelling of a host's name: lower case, A-labels, no final dot. Undefined for what is no name, and for what is an
 * address to whoever looks it up.
 */
export function normalName(text: string): string | undefined {
  const lower = /^[\u{21}-\u{7e}]*$/u.test(text) ? text.toLowerCase() : domainToASCII(text)
  const name = lower.endsWith('.') ? lower.slice(0, -1) : lower
  if (name === '' || name.length > maxName) return undefined
  const labels = name.split('.')
  if (!labels.every((each) => label.test(each))) return undefined
  return number.test(labels.at(-1) ?? '') ? undefined : name
}
