import { textOf } from './json-read.ts'
import type { Span } from './json-scan.ts'

/** A request id or a progress token. As a Map key `1` and `"1"` are different, as JSON-RPC has it. */
export type Id = string | number

/**
 * Reads an id that every peer reads the same: an integer written as digits only (`1.0` and `1e0` come back as `1` from
 * some, as `1.0` from others; beyond 2^53 JavaScript rounds), or a string that survives re-encoding (a lone surrogate
 * becomes U+FFFD, so that two ids become one).
 */
export function readId(bytes: Buffer, span: Span, maxLength: number): Id | undefined {
  if (bytes[span.start] === 0x22) {
    // No escape is longer than six bytes a unit: longer than that it is over the cap, whatever it says.
    if (span.end - span.start - 2 > 6 * maxLength) return undefined
    const text = textOf(bytes, span.start + 1, span.end - 1)
    return text.length <= maxLength && text.isWellFormed() ? text : undefined
  }
  if (span.end - span.start > 17) return undefined
  const text = bytes.toString('latin1', span.start, span.end)
  if (!/^(?:0|-?[1-9][0-9]*)$/.test(text)) return undefined
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : undefined
}
