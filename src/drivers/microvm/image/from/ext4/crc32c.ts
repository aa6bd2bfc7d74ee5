/** Castagnoli's polynomial, bits reversed, and without the inversions at both ends: as ext4 has it (Documentation/filesystems/ext4/checksums.rst). */
const table = new Uint32Array(256).map((_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ ((value & 1) === 0 ? 0 : 0x82f63b78)
  return value >>> 0
})

export function crc32c(seed: number, ...parts: readonly Uint8Array[]): number {
  let value = seed
  for (const part of parts) for (const byte of part) value = (value >>> 8) ^ (table[(value ^ byte) & 0xff] ?? 0)
  return value >>> 0
}

export function le32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}
