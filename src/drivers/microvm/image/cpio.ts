/**
 * An archive that the kernel unpacks as its first root file system: the "new ASCII" format of cpio(5), which is the only one
 * that it takes (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
export interface CpioItem {
  /** Relative, without a leading slash. */
  readonly path: string
  readonly mode: number
  /** Undefined: a directory. */
  readonly data?: Uint8Array
}

const kindOf = { file: 0o100_000, directory: 0o040_000 } as const
/** Headers, names and data each begin at a multiple of four. */
const alignment = 4

/** Items in their order, directories before what is in them: the kernel makes none by itself. */
export function cpioOf(items: readonly CpioItem[]): Buffer {
  const parts = items.flatMap((item, index) => {
    const data = item.data ?? Buffer.alloc(0)
    const kind = item.data === undefined ? kindOf.directory : kindOf.file
    return [header({ path: item.path, mode: kind | item.mode, ino: index + 1, size: data.length }), padded(data)]
  })
  return Buffer.concat([...parts.flat(), header({ path: 'TRAILER!!!', mode: 0, ino: 0, size: 0 })])
}

function header({ path, mode, ino, size }: { path: string; mode: number; ino: number; size: number }): Buffer {
  const name = Buffer.from(`${path}\0`)
  const numbers = [ino, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name.length, 0]
  const text = numbers.map((number) => number.toString(16).padStart(8, '0')).join('')
  return padded(Buffer.concat([Buffer.from(`070701${text}`, 'latin1'), name]))
}

function padded(bytes: Uint8Array): Buffer {
  const missing = (alignment - (bytes.length % alignment)) % alignment
  return missing === 0
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    : Buffer.concat([bytes, Buffer.alloc(missing)])
}
