/** A ClientHello (RFC 8446, 4.1.2) made by hand, so that it can be wrong. */
export interface Hello {
  /** In this order, one extension each; several in one where it is a list. */
  readonly names?: readonly (string | readonly string[])[]
  /** The session's id, 32 bytes at most: bytes that nobody reads. */
  readonly session?: string
  /** Another extension: its type, its bytes. */
  readonly extension?: readonly [number, Buffer]
  /** How much of the message is in each record; all of it. */
  readonly recordBytes?: number
  readonly versionByte?: number
}

export function clientHello({ names = [], session = '', extension, recordBytes, versionByte = 3 }: Hello): Buffer {
  const extensions = [
    ...names.map((name) => withKind(0, serverNames(typeof name === 'string' ? [name] : name))),
    ...(extension === undefined ? [] : [withKind(...extension)]),
    // supported_versions and groups, so that a server would take it.
    withKind(43, Buffer.from([4, 3, 4, 3, 3])),
    withKind(10, Buffer.from([0, 2, 0, 0x1d])),
    withKind(13, Buffer.from([0, 2, 4, 3])),
  ]
  const id = Buffer.from(session, 'latin1')
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    Buffer.from([id.length, ...id]),
    Buffer.from([0, 4, 0x13, 1, 0xc0, 0x2f, 1, 0]),
    sized(2, Buffer.concat(extensions)),
  ])
  const message = Buffer.concat([Buffer.from([1]), sized(3, body)])
  const size = recordBytes ?? message.length
  const parts = Array.from({ length: Math.ceil(message.length / size) }, (_, at) =>
    message.subarray(at * size, (at + 1) * size),
  )
  return Buffer.concat(parts.map((part) => Buffer.concat([Buffer.from([22, versionByte, 1]), sized(2, part)])))
}

function serverNames(names: readonly string[]): Buffer {
  return sized(
    2,
    Buffer.concat(names.map((name) => Buffer.concat([Buffer.of(0), sized(2, Buffer.from(name, 'latin1'))]))),
  )
}

function withKind(kind: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([kind >> 8, kind & 255]), sized(2, bytes)])
}

/** With its length before it. */
function sized(width: number, bytes: Buffer): Buffer {
  const length = Buffer.alloc(width)
  length.writeUIntBE(bytes.length, 0, width)
  return Buffer.concat([length, bytes])
}
