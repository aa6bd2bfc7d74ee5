import { writev } from 'node:fs'

/** Writes all of these bytes, off our own thread. @throws the system's error */
export async function writeAll(fd: number, buffers: readonly Buffer[]): Promise<void> {
  let rest = [...buffers]
  while (rest.length > 0) {
    let written = await once(fd, rest.slice(0, maxVectors))
    while (rest[0] !== undefined && written >= rest[0].length) written -= rest.shift()?.length ?? 0
    if (rest[0] !== undefined && written > 0) rest = [rest[0].subarray(written), ...rest.slice(1)]
  }
}

/** IOV_MAX of Linux (writev(2)). */
const maxVectors = 1024

function once(fd: number, buffers: readonly Buffer[]): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(fd, buffers, (error, written) => (error ? reject(error) : resolve(written)))
  })
}
