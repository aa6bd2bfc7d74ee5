import { coresOf } from './base64.ts'

/** A value in one of the spellings in which it comes back, and what goes on instead. */
export interface Needle {
  readonly bytes: Buffer
  readonly instead: Buffer
}

/** Replaces needles in bytes that come in pieces; what may be the beginning of one is kept back until it is known. */
export interface Redactor {
  push(chunk: Buffer): Buffer
  end(): Buffer
}

/**
 * How a value is spelled where it comes back: as it is, in a URL or a form, in a JSON text, in base64. Whoever has the value
 * can spell it in ways that nobody lists: this is for echoes, not for a host that wants the sandbox to have it.
 */
export function spellingsOf(value: string): Buffer[] {
  const bytes = Buffer.from(value)
  const uri = encodeURIComponent(value)
  const json = JSON.stringify(value).slice(1, -1)
  const base64 = coresOf(bytes)
  const all = [
    bytes,
    ...[uri, uri.replaceAll(/%../g, (code) => code.toLowerCase()), uri.replaceAll('%20', '+'), encodeURI(value)].map(
      latin,
    ),
    ...[json, json.replaceAll('/', '\\/')].map((text) => Buffer.from(text)),
    ...base64,
    ...base64.map((core) => latin(core.toString('latin1').replaceAll('+', '-').replaceAll('/', '_'))),
  ]
  const seen = new Set<string>()
  return all.filter((each) => !seen.has(each.toString('latin1')) && seen.add(each.toString('latin1')))
}

const latin = (text: string): Buffer => Buffer.from(text, 'latin1')

/** Needles whose replacement is as long as they are, so that the length of a body that is told before it stays true. */
export function sameLength(value: string, placeholder: string): Needle[] {
  return spellingsOf(value).map((bytes) => {
    const text = placeholder.slice(0, bytes.length).padEnd(bytes.length, '-')
    return { bytes, instead: latin(text) }
  })
}

/** Needles that leave a name. */
export function byName(value: string, name: string): Needle[] {
  return spellingsOf(value).map((bytes) => ({ bytes, instead: Buffer.from(`[secret ${name}]`) }))
}

export function redactBytes(bytes: Buffer, needles: readonly Needle[]): Buffer {
  const redactor = createRedactor(needles)
  return Buffer.concat([redactor.push(bytes), redactor.end()])
}

export function createRedactor(needles: readonly Needle[]): Redactor {
  let kept: Buffer = Buffer.alloc(0)
  return {
    push(chunk) {
      const window = kept.length === 0 ? chunk : Buffer.concat([kept, chunk])
      const { parts, rest } = replaced(window, needles)
      const hold = openIn(rest, needles)
      kept = Buffer.from(rest.subarray(hold))
      const pass = rest.subarray(0, hold)
      return parts.length === 0 ? pass : Buffer.concat([...parts, pass])
    },
    end() {
      const rest = kept
      kept = Buffer.alloc(0)
      return rest
    },
  }
}

/** Everything up to the end of the last needle, replaced, and what is behind it. */
function replaced(window: Buffer, needles: readonly Needle[]): { parts: Buffer[]; rest: Buffer } {
  const parts: Buffer[] = []
  const next = needles.map((needle) => ({ needle, at: window.indexOf(needle.bytes) }))
  let from = 0
  for (;;) {
    let first: { needle: Needle; at: number } | undefined
    for (const each of next) {
      if (each.at >= 0 && each.at < from) each.at = window.indexOf(each.needle.bytes, from)
      if (each.at < 0) continue
      const isFirst = first === undefined || each.at < first.at
      // The longer of two that begin together: the shorter would leave the rest of it to be read.
      const isLonger = each.at === first?.at && each.needle.bytes.length > first.needle.bytes.length
      if (isFirst || isLonger) first = each
    }
    if (first === undefined) return { parts, rest: window.subarray(from) }
    parts.push(window.subarray(from, first.at), first.needle.instead)
    from = first.at + first.needle.bytes.length
  }
}

/** Where in these bytes a needle may have begun that is not whole yet; their length when none has. */
function openIn(bytes: Buffer, needles: readonly Needle[]): number {
  return Math.min(bytes.length, ...needles.map((needle) => openFor(bytes, needle.bytes)))
}

function openFor(bytes: Buffer, needle: Buffer): number {
  const first = needle[0] ?? 0
  let at = bytes.indexOf(first, Math.max(0, bytes.length - needle.length + 1))
  while (at >= 0) {
    if (bytes.subarray(at).equals(needle.subarray(0, bytes.length - at))) return at
    at = bytes.indexOf(first, at + 1)
  }
  return bytes.length
}
