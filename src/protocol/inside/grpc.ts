/**
 * Messages on a gRPC stream ("gRPC over HTTP2", Length-Prefixed-Message): one byte that says whether it is compressed,
 * four of length, big-endian, then the message.
 */
export const prefixBytes = 5

export function prefixOf(length: number): Buffer {
  const prefix = Buffer.alloc(prefixBytes)
  prefix.writeUInt32BE(length, 1)
  return prefix
}

/** A message whose only field is `number` with these bytes: all of it but the bytes themselves, which need no copy. */
export function bytesPrefix(number: number, length: number): Buffer {
  const head = [number * 8 + 2]
  let rest = length
  for (; rest > 127; rest = Math.floor(rest / 128)) head.push((rest % 128) | 128)
  head.push(rest)
  return Buffer.concat([prefixOf(head.length + length), Buffer.from(head)])
}

/** Takes chunks as they come and gives whole messages; holds at most one message that is not whole. */
export interface MessageParser {
  /** @throws Error for a compressed message, or one that is larger than agreed */
  push(chunk: Buffer): Buffer[]
  /** Whether the stream may end here. */
  readonly atBoundary: boolean
}

export function createMessageParser(maxBytes: number): MessageParser {
  let parts: Buffer[] = []
  let held = 0
  let wanted = prefixBytes

  const gather = (): Buffer => {
    const [only] = parts
    const all = parts.length === 1 && only ? only : Buffer.concat(parts, held)
    parts = [all]
    return all
  }

  const lengthOf = (prefix: Buffer): number => {
    if (prefix[0] !== 0) throw new Error('a compressed message, which nobody asked for')
    const length = prefix.readUInt32BE(1)
    if (length > maxBytes) throw new Error(`a message of ${length} bytes, where ${maxBytes} are allowed`)
    return prefixBytes + length
  }

  const push = (chunk: Buffer): Buffer[] => {
    const messages: Buffer[] = []
    if (chunk.length === 0) return messages
    parts.push(chunk)
    held += chunk.length
    while (held >= wanted) {
      const all = gather()
      const length = lengthOf(all)
      if (held < length) {
        wanted = length
        break
      }
      messages.push(all.subarray(prefixBytes, length))
      held -= length
      parts = held === 0 ? [] : [all.subarray(length)]
      wanted = prefixBytes
    }
    return messages
  }

  return {
    push,
    get atBoundary() {
      return held === 0
    },
  }
}

/** Status codes of gRPC, as far as anybody here looks at them. */
export const grpcStatus = {
  ok: 0,
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  unavailable: 14,
} as const

/** The text of `grpc-message`: percent-encoded UTF-8. What cannot be decoded is left as it came. */
export function statusText(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return encoded // it is only shown, and made harmless where it is
  }
}
