import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { canonicalJson } from '../../../packages/canonical.ts'
import { sha256 } from '../../../system/sha256.ts'
import type { ImageRecord } from './record.ts'

/** Of a file of any size, without holding it. */
export async function fileDigest(path: string, signal?: AbortSignal): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256')
  await pipeline(
    createReadStream(path, { highWaterMark: 1024 ** 2 }),
    hash,
    ...(signal === undefined ? [] : [{ signal }]),
  )
  return { sha256: hash.digest('hex'), bytes: statSync(path).size }
}

/** An image's name: what a guest sees of it, and nothing of when, where or from what it was made. */
export function imageDigest({ architecture, files }: Pick<ImageRecord, 'architecture' | 'files'>): string {
  const { kernel, modules, root } = files
  return sha256(canonicalJson([1, architecture, kernel.sha256, modules.sha256, root.sha256]))
}
