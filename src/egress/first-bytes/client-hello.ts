import { normalName } from '../host-name.ts'
import { createReader, Malformed, Short, whole, type Reader } from './bytes.ts'

export type Hello =
  /** It is not all there yet. */
  | { readonly kind: 'more' }
  /** `name`: normalised; undefined where the hello names no server. `hidden`: another name may be in it, encrypted. */
  | { readonly kind: 'hello'; readonly name: string | undefined; readonly hidden: boolean }
  | { readonly kind: 'malformed'; readonly why: string }

const handshake = 22
const clientHello = 1
/** RFC 8446, 5.1: 2^14 bytes of a record in the clear. */
const maxRecordBytes = 2 ** 14

/**
 * The first thing that a TLS client says (RFC 8446, 4.1.2; RFC 6066, 3), out of the bytes that it has sent so far. The hello
 * may be spread over records, as small as one byte each. Whatever a server could read in another way is malformed.
 */
export function readClientHello(bytes: Buffer): Hello {
  try {
    return { kind: 'hello', ...readMessage(createReader(bytes)) }
  } catch (error) {
    if (error instanceof Short) return { kind: 'more' }
    if (error instanceof Malformed) return { kind: 'malformed', why: error.message }
    throw error
  }
}

function readMessage(records: Reader): { name: string | undefined; hidden: boolean } {
  const fragments: Buffer[] = []
  let held = 0
  for (;;) {
    fragments.push(readRecord(records))
    held += fragments.at(-1)?.length ?? 0
    if (held < 4) continue
    const message = Buffer.concat(fragments)
    if (message[0] !== clientHello) throw new Malformed('the first message of TLS is no ClientHello')
    const length = message.readUIntBE(1, 3)
    if (length > maxRecordBytes) throw new Malformed('a ClientHello of more than 16 KiB')
    if (held < 4 + length) continue
    // A message behind it would be sent before the server has answered: no version of TLS has that in the same record.
    if (held > 4 + length) throw new Malformed('a ClientHello with something behind it in its record')
    return whole(message.subarray(4), 'the ClientHello', readBody)
  }
}

function readRecord(records: Reader): Buffer {
  if (records.u8() !== handshake) throw new Malformed('a record that is no handshake')
  // 3.1 to 3.3 mean "some version" here, and 3.0 was SSL.
  const [major, minor] = [records.u8(), records.u8()]
  if (major !== 3 || minor > 3) throw new Malformed('a record of no version of TLS')
  const length = records.u16()
  if (length === 0 || length > maxRecordBytes) throw new Malformed('a record of a length that none may have')
  return records.take(length)
}

const serverName = 0
/** RFC 9849: the real hello, encrypted. Clients without a key for it send noise in its place. */
const encryptedClientHello = 0xfe0d

function readBody(body: Reader): { name: string | undefined; hidden: boolean } {
  if (body.u16() >> 8 !== 3) throw new Malformed('a ClientHello of no version of TLS')
  body.take(32)
  if (body.take(body.u8()).length > 32) throw new Malformed('a session id that is too long')
  const suites = body.u16()
  if (suites === 0 || suites % 2 !== 0) throw new Malformed('a list of cipher suites that is none')
  body.take(suites)
  if (body.take(body.u8()).length === 0) throw new Malformed('no compression method, where null always is one')
  // TLS 1.2 and before may do without extensions (RFC 5246, 7.4.1.2).
  if (body.rest() === 0) return { name: undefined, hidden: false }
  return whole(body.take(body.u16()), 'the list of extensions', readExtensions)
}

function readExtensions(list: Reader): { name: string | undefined; hidden: boolean } {
  const seen = new Set<number>()
  let name: string | undefined
  while (list.rest() > 0) {
    const type = list.u16()
    const data = list.take(list.u16())
    // "There MUST NOT be more than one extension of the same type" (RFC 8446, 4.2): of two names servers take one or the other.
    if (seen.has(type)) throw new Malformed('an extension that is there twice')
    seen.add(type)
    if (type === serverName) name = whole(data, 'the server name', readServerName)
  }
  return { name, hidden: seen.has(encryptedClientHello) }
}

const hostName = 0

function readServerName(data: Reader): string {
  return whole(data.take(data.u16()), 'the list of server names', (list) => {
    if (list.u8() !== hostName) throw new Malformed('a server name of a kind that does not exist')
    const text = list.take(list.u16()).toString('latin1')
    // "The hostname is represented as a byte string using ASCII encoding without a trailing dot" (RFC 6066, 3).
    const name = /^[\u{21}-\u{7e}]*[^.]$/u.test(text) ? normalName(text) : undefined
    if (name === undefined) throw new Malformed('a server name that is no name')
    return name
  })
}
