import { crc32 } from 'node:zlib'

/** Frames for a transport without connections: docs/channel.md, "Framing for a transport without connections". */
export type FrameType = 'hello' | 'welcome' | 'data' | 'bye'

export interface FrameHeader {
  readonly type: FrameType
  readonly session: Buffer
  readonly sequence: bigint
  readonly length: number
  readonly payloadSum: number
}

export const headerBytes = 44
export const maxPayload = 65_536
/** Generation and instance. */
export const welcomePayload = 24

/** "GBX" and the version of the framing. */
export const magic: Buffer = Buffer.from([0x47, 0x42, 0x58, 0x01])

const types: readonly FrameType[] = ['hello', 'welcome', 'data', 'bye']

export function frameOf(type: FrameType, session: Buffer, sequence: bigint, payload: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(headerBytes)
  magic.copy(header)
  header[4] = types.indexOf(type) + 1
  session.copy(header, 8, 0, 16)
  header.writeBigUInt64BE(sequence, 24)
  header.writeUInt32BE(payload.length, 32)
  header.writeUInt32BE(payload.length === 0 ? 0 : crc32(payload), 36)
  header.writeUInt32BE(crc32(header.subarray(0, 40)), 40)
  return payload.length === 0 ? header : Buffer.concat([header, payload])
}

/** Undefined for bytes that are no valid header. */
export function parseHeader(bytes: Buffer): FrameHeader | undefined {
  if (bytes.length < headerBytes || !bytes.subarray(0, 4).equals(magic)) return undefined
  const type = types[(bytes[4] ?? 0) - 1]
  if (type === undefined || bytes[5] !== 0 || bytes[6] !== 0 || bytes[7] !== 0) return undefined
  const length = bytes.readUInt32BE(32)
  if (!fits(type, length) || bytes.readUInt32BE(40) !== crc32(bytes.subarray(0, 40))) return undefined
  const sequence = bytes.readBigUInt64BE(24)
  if ((type === 'hello' || type === 'welcome') && sequence !== 0n) return undefined
  return { type, session: bytes.subarray(8, 24), sequence, length, payloadSum: bytes.readUInt32BE(36) }
}

function fits(type: FrameType, length: number): boolean {
  if (type === 'welcome') return length === welcomePayload
  if (type === 'data') return length >= 1 && length <= maxPayload
  return length === 0
}

export function isWhole({ length, payloadSum }: FrameHeader, payload: Buffer): boolean {
  return payload.length === length && payloadSum === (length === 0 ? 0 : crc32(payload))
}
