import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../../system/sha256.ts'
import { writeWhole } from '../../../system/write-whole.ts'
import { vmlinuxOf } from './vmlinux.ts'

/**
 * The file that Firecracker boots a kernel from, unpacked once and named by what it was unpacked from.
 * @throws GloveboxError HOST_CANNOT for a kernel that cannot be unpacked
 */
export async function kernelFile(directory: string, kernel: string): Promise<string> {
  const packed = readFileSync(kernel)
  const path = join(directory, `${sha256(packed)}.vmlinux`)
  if (!existsSync(path)) writeWhole(path, vmlinuxOf(packed), 0o400)
  return path
}
