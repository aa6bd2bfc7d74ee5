import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { Lz4Error, unpackLz4Block, unpackLz4Legacy } from './lz4.ts'
import { vmlinuxOf } from './vmlinux.ts'

const elf = Buffer.concat([Buffer.from('\x7fELF\x02\x01\x01', 'latin1'), Buffer.alloc(300, 'kernel of a test, ')])

/** A block of literals alone, which is what cannot be packed. */
function literals(bytes: Buffer): Buffer {
  const rest = bytes.length - 15
  const lengths = rest < 0 ? [] : [...Array<number>(Math.floor(rest / 255)).fill(255), rest % 255]
  return Buffer.from([Math.min(bytes.length, 15) << 4, ...lengths, ...bytes])
}

function legacy(...blocks: Buffer[]): Buffer {
  const sized = blocks.flatMap((block) => [word(block.length), block])
  return Buffer.concat([word(0x184c2102), ...sized])
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** A bzImage whose setup has `sectors`, with this payload somewhere behind it. */
function bzImage(payload: Buffer, { sectors = 3, version = 0x020f, length = payload.length } = {}): Buffer {
  const setup = Buffer.alloc(((sectors || 4) + 1) * 512)
  setup.writeUInt8(sectors, 0x1f1)
  setup.write('HdrS', 0x202, 'latin1')
  setup.writeUInt16LE(version, 0x206)
  setup.writeUInt32LE(0x2cc, 0x248)
  setup.writeUInt32LE(length, 0x24c)
  return Buffer.concat([setup, Buffer.alloc(0x2cc, 'code'), payload, Buffer.alloc(64)])
}

test('a kernel is unpacked from whatever Debian, Ubuntu and others pack it in', () => {
  const packed = [
    Buffer.concat([legacy(literals(elf.subarray(0, 100)), literals(elf.subarray(100))), word(elf.length)]),
    Buffer.concat([zstdCompressSync(elf), word(elf.length)]),
    gzipSync(elf),
    elf,
  ]
  for (const payload of packed) assert.deepEqual(vmlinuxOf(bzImage(payload)), elf)
  assert.deepEqual(vmlinuxOf(bzImage(gzipSync(elf), { sectors: 0 })), elf)
})

test('a kernel that is unpacked already is left as it is', () => {
  assert.equal(vmlinuxOf(elf), elf)
})

test('what is no kernel, or packed otherwise, is refused with what it is', () => {
  const xz = Buffer.from('fd377a585a000000000000000000000000000000', 'hex')
  const wrong: [Buffer, RegExp][] = [
    [Buffer.alloc(4096), /neither a bzImage nor an ELF file/],
    [Buffer.alloc(3), /neither a bzImage nor an ELF file/],
    [bzImage(xz), /packed by xz/],
    [bzImage(Buffer.alloc(64, 1)), /packed by something unknown/],
    [bzImage(gzipSync(Buffer.from('not a kernel'))), /no ELF file/],
    [bzImage(gzipSync(elf), { length: 1 << 20 }), /cut off/],
    [bzImage(gzipSync(elf), { version: 0x0207 }), /before Linux 2\.6\.26/],
    [bzImage(gzipSync(elf).subarray(0, 30)), /damaged/],
    [bzImage(Buffer.concat([legacy(literals(elf)), word(2 ** 32 - 1)])), /damaged: 4294967295 bytes/],
  ]
  for (const [kernel, message] of wrong) {
    assert.throws(() => vmlinuxOf(kernel), { code: 'HOST_CANNOT', message })
  }
})

test('a copy that reaches into itself repeats', () => {
  // Two literals, then ten bytes from two back, then the end: five literals.
  const block = Buffer.from([0x26, ...Buffer.from('ab'), 2, 0, 0x50, ...Buffer.from('12345')])
  const target = Buffer.alloc(17)
  assert.equal(unpackLz4Block(block, target, 0), 17)
  assert.equal(target.toString(), 'abababababab12345')
})

test('a damaged block is an error, whatever is in it, and nothing is written behind the target', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(300), (block, size) => {
      const target = Buffer.alloc(size)
      try {
        assert.ok(unpackLz4Block(block, target, 0) <= size)
      } catch (error) {
        assert.ok(error instanceof Lz4Error, String(error))
      }
    }),
  )
})

test('a frame of the old kind that ends early, or never, is an error', () => {
  const whole = legacy(literals(elf))
  assert.deepEqual(unpackLz4Legacy(whole, elf.length), elf)
  for (const bytes of [elf.length - 1, elf.length + 1]) {
    assert.throws(() => unpackLz4Legacy(whole, bytes), Lz4Error)
  }
  assert.throws(() => unpackLz4Legacy(Buffer.concat([word(0x184c2102), word(0)]), 1), Lz4Error)
})
