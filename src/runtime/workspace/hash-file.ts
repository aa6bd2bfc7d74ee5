import { createHash } from 'node:crypto'
import { fstatSync, read, readSync } from 'node:fs'
import { promisify } from 'node:util'

const readAsync = promisify(read)

const mostAtOnce = 1024 ** 2
/** Of what is read in less time than another thread takes to be asked. */
const small = 64 * 1024

/** SHA-256 of an open file, hex. @throws the system's error; `signal.reason` */
export async function hashOf(fd: number, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256')
  const stat = fstatSync(fd)
  // Most files are small, and there are many. One that says it has nothing may have something all the same.
  const buffer = Buffer.allocUnsafeSlow(Math.min(Math.max(stat.size, 4096), mostAtOnce))
  const isSoonRead = stat.isFile() && stat.size <= small
  for (let at = 0; ;) {
    signal?.throwIfAborted()
    const bytesRead =
      isSoonRead && at <= small
        ? readSync(fd, buffer, 0, buffer.length, at)
        : (await readAsync(fd, buffer, 0, buffer.length, at)).bytesRead
    if (bytesRead === 0) return hash.digest('hex')
    hash.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
}
