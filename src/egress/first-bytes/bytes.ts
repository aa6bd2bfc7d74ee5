/** Thrown within this folder alone: the bytes end before what is being read. */
export class Short extends Error {}

/** Thrown within this folder alone: the bytes are not what they are read as, and why. */
export class Malformed extends Error {}

/** Reads big-endian numbers and vectors with a length before them (RFC 8446, 3), from front to back. */
export interface Reader {
  u8(): number
  u16(): number
  u24(): number
  take(length: number): Buffer
  rest(): number
}

export function createReader(bytes: Buffer): Reader {
  let at = 0
  const take = (length: number): Buffer => {
    if (length > bytes.length - at) throw new Short('more was promised')
    at += length
    return bytes.subarray(at - length, at)
  }
  return {
    u8: () => take(1).readUInt8(0),
    u16: () => take(2).readUInt16BE(0),
    u24: () => take(3).readUIntBE(0, 3),
    take,
    rest: () => bytes.length - at,
  }
}

/** What is read out of a vector that is there whole: where it ends too early, it is wrong and not short. */
export function whole<T>(bytes: Buffer, what: string, read: (reader: Reader) => T): T {
  try {
    const reader = createReader(bytes)
    const value = read(reader)
    if (reader.rest() > 0) throw new Malformed(`${what} has bytes behind it`)
    return value
  } catch (error) {
    if (error instanceof Short) throw new Malformed(`${what} is cut off`, { cause: error })
    throw error
  }
}
