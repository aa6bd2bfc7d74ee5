import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { GloveboxError } from '../../../../errors.ts'
import { makeExt, unlessExt } from '../../../../../test/support/ext.ts'
import { layer } from '../../../../../test/support/layers.ts'
import { readHead } from './compressed.ts'
import { headBytes, refuseOthers } from './other-formats.ts'
import { partitionsIn } from './partitions.ts'

const base = mkdtempSync(join(tmpdir(), 'glovebox-formats-'))
after(() => rmSync(base, { recursive: true }))

/** The error of a file with these bytes; undefined for one that others look into. */
async function refusalOf(bytes: Buffer): Promise<GloveboxError | undefined> {
  const path = join(base, 'file')
  writeFileSync(path, bytes)
  const head = await readHead(path, headBytes, undefined)
  try {
    refuseOthers(path, head)
    return undefined
  } catch (error) {
    assert.ok(error instanceof GloveboxError)
    return error
  }
}

function marked(at: number, mark: string): Buffer {
  const bytes = Buffer.alloc(128 * 1024)
  bytes.write(mark, at, 'latin1')
  return bytes
}

/** A disk with partitions by MBR: kind, first sector, and what is in it. */
function mbr(...parts: readonly (readonly [kind: number, start: number, data: Buffer])[]): Buffer {
  const end = Math.max(...parts.map(([, start, data]) => start * 512 + data.length))
  const disk = Buffer.alloc(end)
  for (const [index, [kind, start, data]] of parts.entries()) {
    const at = 446 + 16 * index
    disk.writeUInt8(kind, at + 4)
    disk.writeUInt32LE(start, at + 8)
    disk.writeUInt32LE(data.length / 512, at + 12)
    data.copy(disk, start * 512)
  }
  disk.writeUInt16LE(0xaa55, 510)
  return disk
}

/** The same by GPT. Checksums are nobody's business here. */
function gpt(...parts: readonly (readonly [start: number, data: Buffer])[]): Buffer {
  const disk = mbr([0xee, 1, Buffer.alloc(512)], ...parts.map(([start, data]) => [0, start, data] as const))
  disk.fill(0, 462, 510)
  disk.write('EFI PART', 512, 'latin1')
  disk.writeBigUInt64LE(2n, 512 + 72)
  disk.writeUInt32LE(128, 512 + 80)
  disk.writeUInt32LE(128, 512 + 84)
  for (const [index, [start, data]] of parts.entries()) {
    const at = 1024 + 128 * index
    disk.fill(0xa5, at, at + 32)
    disk.writeBigUInt64LE(BigInt(start), at + 32)
    disk.writeBigUInt64LE(BigInt(start + data.length / 512 - 1), at + 40)
  }
  return disk
}

test('what is often given for a root filesystem, and is none that is read, is called by its name', async () => {
  const cases: readonly (readonly [Buffer, RegExp, RegExp])[] = [
    [marked(0, 'QFI\xfb\0\0\0\x03'), /qcow2/, /qemu-img convert -O raw/],
    [marked(0, 'KDMV'), /VMDK/, /qemu-img convert/],
    [marked(0x40, '\x7f\x10\xda\xbe'), /VDI/, /qemu-img convert/],
    [marked(0, 'XFSB'), /an XFS file system/, /mount -o ro,loop .* tar -C/],
    [marked(0x1_0040, '_BHRfS_M'), /a Btrfs file system/, /mount -o ro,loop .* tar -C/],
    [marked(0, 'hsqs'), /SquashFS/, /unsquashfs -d rootfs/],
    [marked(0, 'LUKS\xba\xbe'), /encrypted/, /what is in it/],
    [marked(0x8001, 'CD001'), /ISO 9660/, /tar -C/],
  ]
  for (const [bytes, what, fix] of cases) {
    const error = await refusalOf(bytes)
    assert.match(error?.message ?? '', what)
    assert.match(error?.message ?? '', /taken are a directory, a tar archive, .* ext4 \(ext2, ext3\) or erofs/)
    assert.match(error?.fix ?? '', fix)
    assert.match((await refusalOf(gzipSync(bytes)))?.message ?? '', what)
  }
})

test('archives, and what nobody knows, are left to others', async () => {
  const tar = layer({ path: 'disk.img', content: marked(0, 'XFSB').toString('latin1') })
  for (const bytes of [tar, gzipSync(tar), Buffer.from('no archive at all'), Buffer.alloc(0), Buffer.alloc(4096)]) {
    assert.equal(await refusalOf(bytes), undefined)
  }
  // A kernel has the mark of a boot sector, and no table.
  const kernel = marked(510, '\x55\xaa')
  kernel.fill(0x5a, 400, 510)
  assert.equal(await refusalOf(kernel), undefined)
})

test('no bytes in a table of partitions lead to anything but partitions on the disk', () => {
  const check = fc.property(fc.array(fc.tuple(fc.nat(2047), fc.nat(255)), { maxLength: 20 }), (changes) => {
    const disk = gpt([64, Buffer.alloc(4096)], [128, Buffer.alloc(4096)])
    for (const [at, byte] of changes) disk[at] = byte
    for (const { start, bytes } of partitionsIn(disk, disk.length) ?? []) {
      assert.ok(start > 0 && bytes > 0 && start + bytes <= disk.length)
    }
  })
  fc.assert(check, { numRuns: 2000 })
})

suite('disks with an ext4 in them', { skip: unlessExt() }, () => {
  let small: Buffer = Buffer.alloc(0)
  let large: Buffer = Buffer.alloc(0)
  before(() => {
    const tree = join(base, 'tree')
    mkdirSync(tree)
    writeFileSync(join(tree, 'file'), 'text')
    const made = (name: string, size: string): Buffer => {
      makeExt(join(base, name), { tree, size })
      return readFileSync(join(base, name))
    }
    small = made('small', '1M')
    large = made('large', '2M')
  })

  test('the line that is told takes the largest ext4 out of it', async () => {
    const other = Buffer.alloc(4096, 'x')
    for (const disk of [
      mbr([0x0c, 2048, other], [0x83, 4096, small], [0x83, 8192, large]),
      gpt([64, other], [2048, small], [8192, large]),
    ]) {
      const error = await refusalOf(disk)
      assert.match(error?.message ?? '', /a whole disk with a table of partitions.*: number 3 is ext4/)
      const [line = ''] = /^dd [^,]*,[^,]*/.exec(error?.fix ?? '') ?? []
      const [, ...words] = line.split(' ')
      const ran = spawnSync('dd', words, { cwd: base, encoding: 'utf8' })
      assert.equal(ran.status, 0, ran.stderr)
      assert.ok(readFileSync(join(base, 'root.ext4')).equals(large))
    }
  })

  test('a disk without one says how to look', async () => {
    for (const disk of [mbr([0x83, 2048, Buffer.alloc(8192)]), gpt([2048, Buffer.alloc(8192)])]) {
      const error = await refusalOf(disk)
      assert.match(error?.message ?? '', /a whole disk.*none of them is ext4/)
      assert.match(error?.fix ?? '', /fdisk -l/)
    }
  })

  test('an ext4 is taken as it is, and has to be unpacked first', async () => {
    assert.equal(await refusalOf(small), undefined)
    const error = await refusalOf(gzipSync(small))
    assert.match(error?.message ?? '', /compressed/)
    assert.match(error?.fix ?? '', /gunzip -k/)
  })
})
