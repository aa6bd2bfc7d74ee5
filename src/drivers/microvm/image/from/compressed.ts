import { closeSync, createReadStream, openSync, readSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { GloveboxError } from '../../../../errors.ts'

const magics: readonly (readonly [string, 'gzip' | 'zstd' | 'xz' | 'bzip2'])[] = [
  ['1f8b', 'gzip'],
  ['28b52ffd', 'zstd'],
  ['fd377a585a00', 'xz'],
  ['425a68', 'bzip2'],
]

/** What may come out of what one image is made from: a few kilobytes can be packed so that they fill a disk. */
export interface UnpackedBudget {
  leftBytes: number
}

export function unpackedBudget(bytes: number = 16 * 1024 ** 3): UnpackedBudget {
  return { leftBytes: bytes }
}

/** Hands the bytes of a file to `onChunk` in their order, unpacked where it is compressed. */
export async function readUnpacked(
  path: string,
  onChunk: (chunk: Buffer) => Promise<void>,
  signal?: AbortSignal,
  budget: UnpackedBudget = unpackedBudget(),
): Promise<void> {
  const kind = kindOf(path)
  if (kind === 'xz' || kind === 'bzip2') {
    throw new GloveboxError('FAILED', `${path} is compressed by ${kind}, which is not read here`, {
      fix: `${kind === 'xz' ? 'xz -dk' : 'bunzip2 -k'} ${path}, and give the result`,
    })
  }
  const unpack = kind === 'gzip' ? createGunzip() : kind === 'zstd' ? createZstdDecompress() : new PassThrough()
  const sink = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) {
      budget.leftBytes -= chunk.length
      if (budget.leftBytes < 0) throw tooMuch(path)
      await onChunk(chunk)
    }
  }
  await pipeline(
    createReadStream(path, { highWaterMark: 256 * 1024 }),
    unpack,
    sink,
    signal === undefined ? {} : { signal },
  )
}

/** What it begins with, unpacked where it is compressed; less where there is no more. */
export async function readHead(path: string, bytes: number, signal: AbortSignal | undefined): Promise<Buffer> {
  const seen = new AbortController()
  const either = signal === undefined ? seen.signal : AbortSignal.any([signal, seen.signal])
  const chunks: Buffer[] = []
  let left = bytes
  const look = async (chunk: Buffer): Promise<void> => {
    chunks.push(chunk.subarray(0, left))
    left -= Math.min(left, chunk.length)
    if (left === 0) seen.abort()
  }
  try {
    await readUnpacked(path, look, either)
  } catch (error) {
    signal?.throwIfAborted()
    // One that is broken says so to whoever reads all of it.
    if (error instanceof GloveboxError) throw error
  }
  return Buffer.concat(chunks)
}

export function isCompressed(path: string): boolean {
  return kindOf(path) !== undefined
}

function tooMuch(path: string): GloveboxError {
  return new GloveboxError('REFUSED', `${path}: more comes out of it than an image may have`, {
    fix: 'unpack it yourself, see what it is, and give the directory',
  })
}

function kindOf(path: string): 'gzip' | 'zstd' | 'xz' | 'bzip2' | undefined {
  const fd = openSync(path, 'r')
  try {
    const head = Buffer.alloc(6)
    readSync(fd, head)
    return magics.find(([magic]) => head.toString('hex').startsWith(magic))?.[1]
  } finally {
    closeSync(fd)
  }
}
