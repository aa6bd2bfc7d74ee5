/** What a ClientHello of a test has in it; everything else is as small as it may be. */
export interface HelloParts {
  readonly name?: string | Buffer
  /** An encrypted ClientHello, or noise that looks like one. */
  readonly ech?: boolean
  /** Other extensions, before the name: `[type, data]`. */
  readonly extensions?: readonly (readonly [number, Buffer])[]
  /** The largest fragment of a record. */
  readonly fragment?: number
}

/** The bytes of a TLS client's first message, in its records. */
export function clientHello(parts: HelloParts): Buffer {
  const body = helloBody(parts)
  const message = Buffer.concat([Buffer.of(1), sized(3, body)])
  const size = parts.fragment ?? 2 ** 14
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += size) {
    records.push(Buffer.from([22, 3, 1]), sized(2, message.subarray(at, at + size)))
  }
  return Buffer.concat(records)
}

export function helloBody({ name, ech = false, extensions = [] }: HelloParts): Buffer {
  const all = [...extensions]
  if (ech) all.push([0xfe0d, Buffer.alloc(40, 7)])
  if (name !== undefined) all.push([0, serverNames(Buffer.from(name))])
  const list = all.map(([type, data]) => Buffer.concat([Buffer.of(type >> 8, type & 0xff), sized(2, data)]))
  return Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 1),
    sized(1, Buffer.alloc(32, 2)),
    sized(2, Buffer.from([0x13, 0x01, 0x1a, 0x1a])),
    sized(1, Buffer.of(0)),
    sized(2, Buffer.concat(list)),
  ])
}

export function serverNames(name: Buffer): Buffer {
  return sized(2, Buffer.concat([Buffer.of(0), sized(2, name)]))
}

/** Bytes with their length before them, in so many bytes. */
export function sized(bytes: number, data: Buffer): Buffer {
  const length = Buffer.alloc(bytes)
  length.writeUIntBE(data.length, 0, bytes)
  return Buffer.concat([length, data])
}
