import type { hash as Hash } from 'node:crypto'

/**
 * The SHA-256 of bytes, or of a text's UTF-8, in lower-case hex (FIPS 180-4). `node:crypto` is fetched when it is first asked for:
 * loading it takes a while, in which a wall can be built; and fetching it each time takes as long as a short hash.
 */
export const sha256: (data: string | Uint8Array) => string = createSha256()

function createSha256(): (data: string | Uint8Array) => string {
  let hash: typeof Hash | undefined
  return (data) => {
    hash ??= process.getBuiltinModule('node:crypto').hash
    return hash('sha256', data)
  }
}
