/**
 * The part of the DNS's wire format (RFC 1035, 4) that a resolver needs which is only ever asked: it reads queries and
 * writes answers to them. Strict: whatever no stub resolver sends is an error, and a question's name has no compression.
 */

/** https://www.iana.org/assignments/dns-parameters */
export const recordType = { A: 1, CNAME: 5, PTR: 12, AAAA: 28, OPT: 41, ANY: 255 } as const
export const responseCode = {
  noError: 0,
  formErr: 1,
  servFail: 2,
  nxDomain: 3,
  notImp: 4,
  refused: 5,
  badVers: 16,
} as const

export type RecordType = keyof typeof recordType
export const classIn = 1
const classAny = 255

export interface Query {
  readonly header: Header
  readonly question: Question
  /** Undefined without EDNS (RFC 6891). */
  readonly edns: { readonly version: number } | undefined
}

export interface Header {
  readonly id: number
  readonly opcode: number
  /** Recursion desired, checking disabled: both go back as they came. */
  readonly rd: boolean
  readonly cd: boolean
}

export interface Question {
  /** As they came, byte for byte: their letters' case goes back (draft-vixie-dnsext-dns0x20). */
  readonly bytes: Buffer
  readonly labels: readonly Buffer[]
  readonly type: number
  readonly isInternet: boolean
}

export type Parsed =
  | { readonly query: Query }
  /** To be answered with this code alone. */
  | { readonly header: Header; readonly code: number }
  /** Not a query: no answer. */
  | undefined

const headerBytes = 12

export function parseQuery(bytes: Buffer): Parsed {
  // Answering an answer makes two resolvers talk for ever.
  if (bytes.length < headerBytes || (bytes.readUInt16BE(2) & 0x8000) !== 0) return undefined
  const flags = bytes.readUInt16BE(2)
  const header: Header = {
    id: bytes.readUInt16BE(0),
    opcode: (flags >> 11) & 0xf,
    rd: (flags & 0x0100) !== 0,
    cd: (flags & 0x0010) !== 0,
  }
  if (header.opcode !== 0) return { header, code: responseCode.notImp }
  const [questions, answers, authorities] = [4, 6, 8].map((at) => bytes.readUInt16BE(at))
  // One question, always: RFC 9619.
  if (questions !== 1 || answers !== 0 || authorities !== 0) return { header, code: responseCode.formErr }
  const question = readQuestion(bytes)
  if (question === undefined) return { header, code: responseCode.formErr }
  const end = headerBytes + question.bytes.length
  const additional = readAdditional(bytes, end, bytes.readUInt16BE(10))
  return additional === undefined
    ? { header, code: responseCode.formErr }
    : { query: { header, question, ...additional } }
}

const maxNameBytes = 255
const maxLabelBytes = 63

function readQuestion(bytes: Buffer): Question | undefined {
  const labels: Buffer[] = []
  let at = headerBytes
  for (;;) {
    const length = bytes[at]
    // Above 63: a pointer, for which nothing is there yet to point to, or a kind of label that is no more (RFC 6891, 5).
    if (length === undefined || length > maxLabelBytes) return undefined
    at += 1
    if (length === 0) break
    if (at + length - headerBytes >= maxNameBytes) return undefined
    if (at + length > bytes.length) return undefined
    labels.push(bytes.subarray(at, at + length))
    at += length
  }
  if (at + 4 > bytes.length) return undefined
  const [type, asked] = [bytes.readUInt16BE(at), bytes.readUInt16BE(at + 2)]
  const isInternet = asked === classIn || asked === classAny
  return { bytes: bytes.subarray(headerBytes, at + 4), labels, type, isInternet }
}

/** What stands behind the question: EDNS, perhaps a signature, each at the root; and nothing behind them. */
function readAdditional(bytes: Buffer, start: number, count: number): Pick<Query, 'edns'> | undefined {
  const maxRecords = 4
  let at = start
  let edns: Query['edns']
  if (count > maxRecords) return undefined
  for (let each = 0; each < count; each++) {
    const fixed = 11
    if (at + fixed > bytes.length || bytes[at] !== 0) return undefined
    if (bytes.readUInt16BE(at + 1) === recordType.OPT) {
      // "If a query message with more than one OPT RR is received, a FORMERR MUST be returned" (RFC 6891, 6.1.1)
      if (edns !== undefined) return undefined
      edns = { version: bytes.readUInt8(at + 6) }
    }
    at += fixed + bytes.readUInt16BE(at + 9)
  }
  return at === bytes.length ? { edns } : undefined
}

export interface Answer {
  readonly type: RecordType
  readonly ttl: number
  readonly data: Buffer
}

/** The answer to a query. None of ours is longer than 512 bytes, so that none is ever cut off. */
export function encodeAnswer({ header, question, edns }: Query, code: number, answers: readonly Answer[]): Buffer {
  const records = answers.map(({ type, ttl, data }) => {
    const head = Buffer.alloc(12)
    // The name is that of the question: a pointer to where it always is.
    head.writeUInt16BE(0xc000 | headerBytes, 0)
    head.writeUInt16BE(recordType[type], 2)
    head.writeUInt16BE(classIn, 4)
    head.writeUInt32BE(ttl, 6)
    head.writeUInt16BE(data.length, 10)
    return Buffer.concat([head, data])
  })
  const opt = edns === undefined ? [] : [optRecord(code)]
  return Buffer.concat([headerOf(header, code, [1, answers.length, 0, opt.length]), question.bytes, ...records, ...opt])
}

export function encodeFailure(header: Header, code: number): Buffer {
  return headerOf(header, code, [0, 0, 0, 0])
}

/** A name as labels. */
export function encodeName(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(label, 'latin1'))
  return Buffer.concat([...labels.flatMap((label) => [Buffer.from([label.length]), label]), Buffer.of(0)])
}

function headerOf({ id, opcode, rd, cd }: Header, code: number, counts: readonly number[]): Buffer {
  const bytes = Buffer.alloc(headerBytes)
  const [response, recursionAvailable] = [0x8000, 0x0080]
  bytes.writeUInt16BE(id, 0)
  const flags = response | (opcode << 11) | (rd ? 0x0100 : 0) | recursionAvailable | (cd ? 0x0010 : 0) | (code & 0xf)
  bytes.writeUInt16BE(flags, 2)
  for (const [index, count] of counts.entries()) bytes.writeUInt16BE(count, 4 + 2 * index)
  return bytes
}

/** RFC 6891, 6.1.2: the size of what we take, the upper bits of the code, version 0. */
function optRecord(code: number): Buffer {
  const bytes = Buffer.alloc(11)
  bytes.writeUInt16BE(recordType.OPT, 1)
  bytes.writeUInt16BE(4096, 3)
  bytes.writeUInt8(code >> 4, 5)
  return bytes
}
