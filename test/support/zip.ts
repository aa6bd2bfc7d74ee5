import { crc32, deflateRawSync } from 'node:zlib'

export interface ZipEntry {
  readonly name: string
  readonly content: string | Buffer
  /** Unix mode with its type bits, such as 0o120777 for a link. */
  readonly mode?: number
  readonly compress?: boolean
  /** What the headers say instead of the truth. */
  readonly claimedSize?: number
}

/** A ZIP archive (APPNOTE 6.3), the same bytes for the same entries. */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const [locals, centrals]: [Buffer[], Buffer[]] = [[], []]
  let offset = 0
  for (const { name, content, mode = 0o100644, compress = false, claimedSize } of entries) {
    const body = Buffer.from(content)
    const stored = compress ? deflateRawSync(body) : body
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(0x800, 2)
    fields.writeUInt16LE(compress ? 8 : 0, 4)
    fields.writeUInt16LE(0, 6)
    fields.writeUInt16LE(0x5821, 8)
    fields.writeUInt32LE(crc32(body), 10)
    fields.writeUInt32LE(stored.length, 14)
    fields.writeUInt32LE(claimedSize ?? body.length, 18)
    fields.writeUInt16LE(Buffer.byteLength(name), 22)
    const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), fields, Buffer.from(name), stored])
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE((mode << 16) >>> 0, 6)
    tail.writeUInt32LE(offset, 10)
    const made = Buffer.from([20, 3])
    centrals.push(Buffer.concat([Buffer.from('PK\u0001\u0002'), made, fields, tail, Buffer.from(name)]))
    locals.push(local)
    offset += local.length
  }
  const directory = Buffer.concat(centrals)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(entries.length, 4)
  end.writeUInt16LE(entries.length, 6)
  end.writeUInt32LE(directory.length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...locals, directory, Buffer.from('PK\u0005\u0006'), end])
}
