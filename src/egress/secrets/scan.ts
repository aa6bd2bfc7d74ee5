import { longestEscape, unescape } from './unescape.ts'

/** Something that is looked for, and what it is called. */
export interface Trace {
  readonly name: string
  readonly bytes: Buffer
}

export type Scanned =
  /** What of the bytes so far cannot be the beginning of a trace, and may go on. */
  { readonly pass: Buffer } | { readonly found: string }

/** Looks for traces in bytes that come in pieces; what may be the beginning of one is kept back until it is known. */
export interface Scanner {
  push(chunk: Buffer): Scanned
  /** There will be no more: what was kept back. */
  end(): Buffer
}

/** The name of a trace that is in these bytes, as it is or escaped. */
export function traceIn(bytes: Buffer, traces: readonly Trace[]): string | undefined {
  const plain = unescape(bytes).bytes
  // Also as they are: what is in front of a trace may make an escape of its beginning.
  return traces.find((trace) => plain.includes(trace.bytes) || bytes.includes(trace.bytes))?.name
}

export function createScanner(traces: readonly Trace[]): Scanner {
  const longest = Math.max(0, ...traces.map(({ bytes }) => bytes.length))
  const reach = (longest + 1) * longestEscape
  let kept: Buffer = Buffer.alloc(0)
  return {
    push(chunk) {
      const window = kept.length === 0 ? chunk : Buffer.concat([kept, chunk])
      const found = traceIn(window, traces)
      if (found !== undefined) return { found }
      const from = Math.max(0, window.length - reach)
      const hold = from + openIn(window.subarray(from), traces)
      kept = Buffer.from(window.subarray(hold))
      return { pass: window.subarray(0, hold) }
    },
    end() {
      const rest = kept
      kept = Buffer.alloc(0)
      return rest
    },
  }
}

/** Where in these last bytes a trace may have begun that is not whole yet; their length when none has. */
function openIn(tail: Buffer, traces: readonly Trace[]): number {
  const { bytes, begins, open } = unescape(tail)
  const asItIs = beginning(tail, traces)
  if (begins === undefined) return asItIs
  // An escape that is cut in two is no part of what is undone yet.
  const known = bytes.subarray(
    0,
    begins.findIndex((at) => at >= open),
  )
  return Math.min(asItIs, begins[beginning(known, traces)] ?? open, open)
}

/** Where in these bytes the longest beginning of a trace is that reaches to their end; their length when none does. */
function beginning(bytes: Buffer, traces: readonly Trace[]): number {
  const longest = Math.max(0, ...traces.map((trace) => trace.bytes.length - 1))
  for (let at = Math.max(0, bytes.length - longest); at < bytes.length; at++) {
    const last = bytes.subarray(at)
    if (traces.some((trace) => trace.bytes.length > last.length && trace.bytes.subarray(0, last.length).equals(last)))
      return at
  }
  return bytes.length
}
