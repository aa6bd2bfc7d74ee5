import { closeSync, constants, copyFileSync, openSync, readSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileDigest } from '../digest.ts'
import { imageFiles, type ImageSource } from '../record.ts'

/** `EROFS_SUPER_MAGIC_V1`, little-endian, where the superblock begins (Documentation/filesystems/erofs.rst). */
const magic = 0xe0f5e1e2
const superblock = 1024

/** Whether a path is a file system of that kind already. */
export function isErofs(path: string): boolean {
  if (!statSync(path).isFile()) return false
  const fd = openSync(path, 'r')
  try {
    const head = Buffer.alloc(4)
    return readSync(fd, head, 0, 4, superblock) === 4 && head.readUInt32LE() === magic
  } finally {
    closeSync(fd)
  }
}

/** As it is: what guests mount something on is its maker's to have put there. */
export async function takeErofs(path: string, image: string, signal: AbortSignal | undefined): Promise<ImageSource> {
  const { sha256 } = await fileDigest(path, signal)
  copyFileSync(path, join(image, imageFiles.root), constants.COPYFILE_FICLONE)
  return { kind: 'erofs', name: basename(path).replace(/\.erofs$/, ''), sha256 }
}
