import { randomBytes } from 'node:crypto'
import { coresOf } from './base64.ts'

/**
 * What stands for a secret inside a sandbox: new for each sandbox and secret, of characters that no header, URL, JSON text
 * or shell changes. It opens nothing by itself, so that it may be read by anybody.
 */
export interface Placeholder {
  readonly text: string
  /** The random half, by which it is recognised: hexadecimal digits. */
  readonly token: string
}

export function newPlaceholder(name: string): Placeholder {
  const token = randomBytes(16).toString('hex')
  return { text: `glovebox-secret-${name}-${token}`, token }
}

/**
 * What a placeholder leaves in bytes whose escapes are undone: itself, or its base64 inside of a longer text, whose first
 * and last digits depend on what stands beside it. Base64 of hexadecimal digits has no digit in which the two alphabets differ.
 */
export function tracesOf({ token }: Placeholder): Buffer[] {
  const spelled = [Buffer.from(token), Buffer.from(token.toUpperCase())]
  return [...spelled, ...spelled.flatMap(coresOf)]
}
