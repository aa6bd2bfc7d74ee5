import { createHash } from 'node:crypto'
import { read } from 'node:fs'
import { promisify } from 'node:util'

const readAsync = promisify(read)

/** SHA-256 of an open file, hex. @throws the system's error; `signal.reason` */
export async function hashOf(fd: number, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafeSlow(1024 ** 2)
  for (let at = 0; ;) {
    signal?.throwIfAborted()
    const { bytesRead } = await readAsync(fd, buffer, 0, buffer.length, at)
    if (bytesRead === 0) return hash.digest('hex')
    hash.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
}
