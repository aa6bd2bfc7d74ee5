/** A seeded source of choices: the same seed gives the same run on every machine. */
export interface Random {
  /** A whole number from 0 up to, not including, `below`. */
  below(below: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
}

/** Two multiplications a number (the finalizer of MurmurHash3 over a Weyl sequence); quality enough to choose by. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0

  function next(): number {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x85ebca6b)
    mixed ^= mixed >>> 13
    mixed = Math.imul(mixed, 0xc2b2ae35)
    return (mixed ^ (mixed >>> 16)) >>> 0
  }

  return {
    below: (below) => next() % below,
    chance: (probability) => next() < probability * 0x1_0000_0000,
    pick: (items) => items[next() % items.length] as (typeof items)[number],
  }
}
