import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { GloveboxError } from '../../../../errors.ts'
import { shellWord } from '../../../../ui/shell-word.ts'
import { asTar } from './as-tar.ts'
import { isCompressed } from './compressed.ts'
import { looksLikeExt } from './ext4/superblock.ts'
import { partitionsIn, rootAmong } from './partitions.ts'

/** All that a root filesystem is made of. */
export const taken: string =
  'a directory, a tar archive, an initramfs, what docker save wrote, or an image of ext4 (ext2, ext3) or erofs'

/** As far as those below look into a file. */
export const headBytes: number = 68 * 1024

interface Format {
  readonly what: string
  /** Where its mark is, and which. */
  readonly at: number
  readonly mark: string
  readonly fix: (path: string) => string
}

const toRaw = (path: string): string =>
  `qemu-img convert -O raw ${shellWord(path)} disk.raw, and give that: which of its partitions has the root is told then`

const formats: readonly Format[] = [
  { what: 'a disk in the format qcow2', at: 0, mark: 'QFI\xfb', fix: toRaw },
  { what: 'a disk in the format VMDK', at: 0, mark: 'KDMV', fix: toRaw },
  { what: 'a disk in the format VHDX', at: 0, mark: 'vhdxfile', fix: toRaw },
  { what: 'a disk in the format VHD', at: 0, mark: 'conectix', fix: toRaw },
  { what: 'a disk in the format VDI', at: 0x40, mark: '\x7f\x10\xda\xbe', fix: toRaw },
  {
    what: 'an image in the format of Android (sparse)',
    at: 0,
    mark: '\x3a\xff\x26\xed',
    fix: (path) => `simg2img ${shellWord(path)} root.ext4, and give root.ext4`,
  },
  { what: 'encrypted (LUKS)', at: 0, mark: 'LUKS\xba\xbe', fix: () => 'give what is in it' },
  { what: 'a part of a volume group (LVM)', at: 512, mark: 'LABELONE', fix: () => 'give the volume that has the root' },
  {
    what: 'a SquashFS file system',
    at: 0,
    mark: 'hsqs',
    fix: (path) =>
      `unsquashfs -d rootfs ${shellWord(path)}, and give rootfs (for microvm.rootfs: tar -C rootfs -cf rootfs.tar .)`,
  },
  { what: 'an XFS file system', at: 0, mark: 'XFSB', fix: asTar },
  { what: 'a Btrfs file system', at: 0x1_0040, mark: '_BHRfS_M', fix: asTar },
  { what: 'an F2FS file system', at: 1024, mark: '\x10\x20\xf5\xf2', fix: asTar },
  { what: 'a file system of a CD (ISO 9660)', at: 0x8001, mark: 'CD001', fix: asTar },
]

/**
 * Tells what a file is that is often taken for a root filesystem, and what to make of it.
 * @throws GloveboxError FAILED
 */
export function refuseOthers(path: string, head: Buffer): void {
  // The first file in an archive may be any of these.
  if (head.toString('latin1', 257, 262) === 'ustar') return
  const found = formats.find(({ at, mark }) => head.toString('latin1', at, at + mark.length) === mark)
  if (found !== undefined) throw refused(path, `it is ${found.what}, which is not read here`, found.fix(path))
  const isDisk = looksLikeExt(head) || partitionsIn(head, Infinity) !== undefined
  if (isDisk && isCompressed(path)) {
    throw refused(
      path,
      'it is an image of a disk that is compressed',
      'unpack it (gunzip -k, unzstd), and give the result',
    )
  }
  if (!looksLikeExt(head)) refuseWholeDisk(path, head)
}

function refuseWholeDisk(path: string, head: Buffer): void {
  const fd = openSync(path, 'r')
  try {
    const partitions = partitionsIn(head, fstatSync(fd).size)
    if (partitions === undefined) return
    const root = rootAmong(partitions, (at, bytes) => {
      const buffer = Buffer.alloc(bytes)
      return buffer.subarray(0, readSync(fd, buffer, 0, bytes, at))
    })
    const what = 'it is a whole disk with a table of partitions, and a root filesystem is one of these'
    if (root === undefined) {
      const fix = `fdisk -l ${shellWord(path)} says where they begin; dd if=${shellWord(path)} of=part bs=512 skip=START count=SECTORS takes one out: ${taken}`
      throw refused(path, `${what}; none of them is ext4`, fix)
    }
    const { number, start, bytes } = root
    const range = `iflag=skip_bytes,count_bytes skip=${start} count=${bytes}`
    const fix = `dd if=${shellWord(path)} of=root.ext4 bs=1M conv=sparse ${range}, and give root.ext4`
    throw refused(path, `${what}: number ${number} is ext4`, fix)
  } finally {
    closeSync(fd)
  }
}

function refused(path: string, why: string, fix: string): GloveboxError {
  return new GloveboxError('FAILED', `${path}: ${why}; taken are ${taken}`, { fix })
}
