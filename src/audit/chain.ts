import { sha256 } from '../system/sha256.ts'
import type { AuditEvent } from './event.ts'

/**
 * The chain: each line ends in `"prev":"…","hash":"…"}}`, both members of `unmapped`.
 * `hash` is the SHA-256 of the line's bytes up to the comma before it, so of the event and of `prev`,
 * as written: no canonical form has to be agreed on, and a line that was parsed and written anew is another line.
 */
const hashTail = /^,"hash":"([0-9a-f]{64})"\}\}$/
const prevTail = /"prev":"([0-9a-f]{64})"$/
const hashTailBytes = ',"hash":""}}'.length + 64
const prevTailBytes = '"prev":""'.length + 64

/** What the first line of a chain names as the line before: a chain cannot be passed off as another sandbox's. */
export function genesis(sandbox: string): string {
  return sha256(`glovebox audit chain 1\n${sandbox}\n`)
}

export interface Sealed {
  /** The whole line with its newline. */
  readonly line: string
  readonly hash: string
}

/** @param event has `unmapped` as its last member, as `toEvent` makes it */
export function seal(event: AuditEvent, prev: string): Sealed {
  const open = JSON.stringify(event).slice(0, -2)
  const hashed = `${open}${open.endsWith('{') ? '' : ','}"prev":"${prev}"`
  const own = sha256(hashed)
  return { line: `${hashed},"hash":"${own}"}}\n`, hash: own }
}

export interface Unsealed {
  readonly prev: string
  /** What the line says of itself, and what its bytes say. */
  readonly claimed: string
  readonly computed: string
}

/** Takes a line, without its newline, apart; `undefined` when it is not of a chain. */
export function unseal(line: Buffer): Unsealed | undefined {
  const cut = line.length - hashTailBytes
  if (cut < prevTailBytes) return undefined
  const claimed = hashTail.exec(line.toString('latin1', cut))?.[1]
  const prev = prevTail.exec(line.toString('latin1', cut - prevTailBytes, cut))?.[1]
  if (claimed === undefined || prev === undefined) return undefined
  return { prev, claimed, computed: sha256(line.subarray(0, cut)) }
}
