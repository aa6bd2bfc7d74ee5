/** Finds the addresses of a name. Rejects with the system's error (`ENOTFOUND`, `ETIMEOUT`, …). */
export type Lookup = (name: string) => Promise<Found>

export interface Found {
  /** Canonical, in the order in which they should be tried. */
  readonly addresses: readonly string[]
  readonly holdsMs: number
}

/** So many at once: getaddrinfo(3) has four threads for all of this process, and files want one too. */
const maxAtOnce = 3
const maxWaiting = 1000
const maxKnown = 1024
const maxHeldMs = 60_000
export const lookupTimeoutMs: number = 5000

/** The same lookup, remembered for as long as it holds, asked once where several wait for it, and given up in time. */
export function rememberLookups(
  lookup: Lookup,
  { now = Date.now, timeoutMs = lookupTimeoutMs }: { now?: () => number; timeoutMs?: number } = {},
): (name: string) => Promise<readonly string[]> {
  const known = new Map<string, { readonly addresses: readonly string[]; readonly until: number }>()
  const asked = new Map<string, Promise<readonly string[]>>()
  const waiting: (() => void)[] = []
  let running = 0

  async function ask(name: string): Promise<readonly string[]> {
    if (running >= maxAtOnce) {
      if (waiting.length >= maxWaiting) throw lookupError('EBUSY')
      await slot()
    }
    running += 1
    // What was given up still holds its thread until it ends.
    const found = lookup(name).finally(() => {
      running -= 1
      waiting.shift()?.()
    })
    const { addresses, holdsMs } = await within(found, timeoutMs)
    known.delete(name)
    known.set(name, { addresses, until: now() + Math.min(holdsMs, maxHeldMs) })
    const [oldest] = known.keys()
    if (known.size > maxKnown && oldest !== undefined) known.delete(oldest)
    return addresses
  }

  /** Who waits too long for another's server leaves the line. */
  async function slot(): Promise<void> {
    const turn = Promise.withResolvers<void>()
    waiting.push(turn.resolve)
    try {
      await within(turn.promise, timeoutMs)
    } catch (error) {
      const at = waiting.indexOf(turn.resolve)
      // Its turn came while it left: the next one's, then.
      if (at < 0) waiting.shift()?.()
      else waiting.splice(at, 1)
      throw error
    }
  }

  return async (name) => {
    const remembered = known.get(name)
    if (remembered !== undefined && now() < remembered.until) return remembered.addresses
    const already = asked.get(name)
    if (already !== undefined) return already
    const asking = ask(name).finally(() => asked.delete(name))
    asked.set(name, asking)
    return asking
  }
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(lookupError('ETIMEOUT')), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

export function lookupError(code: string): Error & { code: string } {
  return Object.assign(new Error(`the lookup failed: ${code}`), { code })
}
