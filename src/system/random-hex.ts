import { closeSync, openSync, readSync } from 'node:fs'

/**
 * So many random bytes, in hexadecimal digits, from the kernel's generator (urandom(4)). Node's own module for it takes
 * a tenth of a start to load.
 */
export function randomHex(bytes: number): string {
  const source = openSync('/dev/urandom', 'r')
  try {
    const buffer = Buffer.alloc(bytes)
    // The kernel gives up to 256 bytes whole, whatever signal comes (urandom(4)).
    readSync(source, buffer)
    return buffer.toString('hex')
  } finally {
    closeSync(source)
  }
}
