import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { GloveboxError, messageOf } from '../../../errors.ts'
import { lz4LegacyMagic, unpackLz4Legacy } from './lz4.ts'

/** A kernel is some 60 MB; a few kilobytes can be packed so that they fill a memory. */
const mostBytes = 512 * 1024 ** 2

/**
 * The kernel itself, out of the file that a boot loader starts: Firecracker has no boot loader, and enters an ELF file as a kernel
 * is unpacked by its own first steps. Where it lies says the header of that file (Documentation/arch/x86/boot.rst).
 * A file that is an ELF file already is left as it is.
 * @throws GloveboxError HOST_CANNOT for what is no kernel of x86-64's, or packed in a way that is not read here
 */
export function vmlinuxOf(kernel: Buffer): Buffer {
  if (isElf(kernel)) return kernel
  const vmlinux = unpack(payloadOf(kernel))
  if (!isElf(vmlinux)) throw cannot('what is packed in it is no ELF file')
  return vmlinux
}

function isElf(bytes: Buffer): boolean {
  // 64 bits, the least significant byte first.
  return bytes.length >= 64 && bytes.toString('latin1', 0, 6) === '\x7fELF\x02\x01'
}

/** Fields of the header, at their offsets in the file. */
const header = { setupSects: 0x1f1, magic: 0x202, version: 0x206, payloadOffset: 0x248, payloadLength: 0x24c }
const sectorBytes = 512

function payloadOf(kernel: Buffer): Buffer {
  if (kernel.length < 0x260 || kernel.toString('latin1', header.magic, header.magic + 4) !== 'HdrS') {
    throw cannot('it is neither a bzImage nor an ELF file')
  }
  // 2.08 is the first with a payload that is told of (Linux 2.6.26).
  if (kernel.readUInt16LE(header.version) < 0x0208) throw cannot('it is of before Linux 2.6.26')
  // For ages 0 has meant 4.
  const sectors = (kernel.readUInt8(header.setupSects) || 4) + 1
  const begin = sectors * sectorBytes + kernel.readUInt32LE(header.payloadOffset)
  const length = kernel.readUInt32LE(header.payloadLength)
  if (length < 16 || begin + length > kernel.length) throw cannot('it is cut off')
  return kernel.subarray(begin, begin + length)
}

/** By the first bytes, as the kernel's own scripts/extract-vmlinux tells them. All but gzip's have the size behind them (size_append). */
function unpack(payload: Buffer): Buffer {
  if (isElf(payload)) return payload
  try {
    const limit = { maxOutputLength: mostBytes }
    if (payload.readUInt32LE(0) === lz4LegacyMagic) return unpackLz4Legacy(payload.subarray(0, -4), sizeOf(payload))
    if (payload.readUInt16BE(0) === 0x1f8b) return gunzipSync(payload, limit)
    if (payload.readUInt32BE(0) === 0x28b52ffd) return zstdDecompressSync(payload.subarray(0, -4), limit)
  } catch (error) {
    throw cannot(`it is damaged: ${messageOf(error)}`)
  }
  const packer = otherPackers.find(([magic]) => payload.toString('hex', 0, magic.length / 2) === magic)?.[1]
  throw cannot(`it is packed by ${packer ?? 'something unknown'}`)
}

const otherPackers: readonly (readonly [magic: string, name: string])[] = [
  ['fd377a585a00', 'xz'],
  ['5d0000', 'lzma'],
  ['425a68', 'bzip2'],
  ['894c5a', 'lzo'],
]

function sizeOf(payload: Buffer): number {
  const size = payload.readUInt32LE(payload.length - 4)
  if (size <= mostBytes) return size
  throw new Error(`${size} bytes would come out of it`)
}

function cannot(why: string): GloveboxError {
  return new GloveboxError('HOST_CANNOT', `the image's kernel cannot be started by Firecracker: ${why}`, {
    fix: 'use a kernel that is packed by lz4, zstd or gzip, or not at all (glovebox image build --kernel VMLINUX), or --vmm qemu',
  })
}
