/** Nothing that can be unpacked, or it is not what it says. */
export class Lz4Error extends Error {}

/**
 * One block of LZ4 (lz4_Block_format.md): runs of literal bytes, each followed by a copy of what came before.
 * @returns where the bytes written to `target` end
 * @throws Lz4Error for a block that is damaged, or does not fit
 */
export function unpackLz4Block(source: Uint8Array, target: Uint8Array, start: number): number {
  let [at, end] = [0, start]
  const length = (nibble: number): number => {
    if (nibble !== 15) return nibble
    let total = nibble
    for (;;) {
      const byte = source[at++]
      if (byte === undefined) throw new Lz4Error('a block is cut off')
      total += byte
      if (byte !== 255) return total
    }
  }
  while (at < source.length) {
    const token = source[at++] ?? 0
    const literals = length(token >> 4)
    if (at + literals > source.length) throw new Lz4Error('a block is cut off')
    if (end + literals > target.length) throw new Lz4Error('more comes out of it than it says')
    target.set(source.subarray(at, at + literals), end)
    at += literals
    end += literals
    // The last sequence of a block has no copy.
    if (at === source.length) return end
    if (at + 2 > source.length) throw new Lz4Error('a block is cut off')
    const offset = (source[at] ?? 0) | ((source[at + 1] ?? 0) << 8)
    at += 2
    const copied = length(token & 15) + 4
    if (offset === 0 || offset > end) throw new Lz4Error('it copies what is not there')
    if (end + copied > target.length) throw new Lz4Error('more comes out of it than it says')
    // A copy may reach into itself: then it repeats.
    if (offset >= copied) target.copyWithin(end, end - offset, end - offset + copied)
    else for (let each = 0; each < copied; each++) target[end + each] = target[end + each - offset] ?? 0
    end += copied
  }
  return end
}

export const lz4LegacyMagic = 0x184c2102

/**
 * The old frame, which Linux is packed in (lz4_Frame_format.md, "Legacy frame"): the magic number, then blocks with their sizes.
 * @param bytes what comes out of it: the frame does not say where it ends
 */
export function unpackLz4Legacy(packed: Buffer, bytes: number): Buffer {
  const target = Buffer.alloc(bytes)
  let [at, end] = [4, 0]
  while (end < bytes) {
    if (at + 4 > packed.length) throw new Lz4Error('it is cut off')
    const size = packed.readUInt32LE(at)
    at += 4
    // Joined frames: the next one begins.
    if (size === lz4LegacyMagic) continue
    if (size === 0 || at + size > packed.length) throw new Lz4Error('a block is cut off')
    end = unpackLz4Block(packed.subarray(at, at + size), target, end)
    at += size
  }
  return target
}
