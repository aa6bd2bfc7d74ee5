import type { LookupFact, Recorder } from '../../protocol/facts.ts'

/** A program that looks a name up again and again says nothing new; names by the thousand are somebody's attempt to speak. */
const againMs = 60_000
const maxKnown = 4096
const maxPerSecond = 50

/** Records refused lookups: each name and type once a minute, and not more a second than a record can bear. */
export function createLookups(
  record: Recorder,
  now: () => number = Date.now,
): (lookup: Omit<LookupFact, 'fact' | 'unrecorded'>) => void {
  const known = new Map<string, number>()
  let second = 0
  let inSecond = 0
  let unrecorded = 0
  return (lookup) => {
    const key = `${lookup.type} ${lookup.name}`
    const time = now()
    if (time - (known.get(key) ?? -Infinity) < againMs) return
    if (Math.floor(time / 1000) !== second) [second, inSecond] = [Math.floor(time / 1000), 0]
    if (inSecond >= maxPerSecond) {
      unrecorded += 1
      return
    }
    record({ fact: 'lookup', ...lookup, unrecorded })
    inSecond += 1
    unrecorded = 0
    known.delete(key)
    known.set(key, time)
    const [oldest] = known.keys()
    if (known.size > maxKnown && oldest !== undefined) known.delete(oldest)
  }
}
