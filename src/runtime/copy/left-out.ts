/** What a copy could not bring along, for a person to read. */
export interface LeftOut {
  add(text: string): void
  /** Those that are named, and at the end how many others there were. */
  told(): string[]
}

/** A sandbox can have a million of them, each of thousands of characters. */
const mostNamed = 1000
const mostCharacters = 512

export function createLeftOut(): LeftOut {
  const named: string[] = []
  let more = 0
  return {
    add(text) {
      if (named.length < mostNamed) named.push(text.slice(0, mostCharacters))
      else more += 1
    },
    told: () => (more === 0 ? [...named] : [...named, `(and ${more} more)`]),
  }
}
