import { synthetic } from '../policy/network.ts'

/** The addresses that stand for one name inside the sandbox. */
export interface AddressPair {
  readonly v4: string
  readonly v6: string
}

/** Which synthetic address stands for which name: of one sandbox, and the same for as long as it lives. */
export interface Names {
  /** Undefined when as many names as there may be have theirs: one that was given out is never taken back. */
  give(name: string): AddressPair | undefined
  /** `address`: canonical. Undefined for one that nobody was given. */
  nameAt(address: string): string | undefined
}

/** Each costs some 300 bytes of ours; who asks for more does not look for servers. */
export const maxNames = 65_000

/** The addresses before are the resolver's, the proxy's, and room for more of their kind. */
const firstIndex = 256

export function createNames(limit: number = maxNames): Names {
  const pairs = new Map<string, AddressPair>()
  const names = new Map<string, string>()
  return {
    give(name) {
      const known = pairs.get(name)
      if (known !== undefined) return known
      if (pairs.size >= limit) return undefined
      const pair = pairAt(firstIndex + pairs.size)
      pairs.set(name, pair)
      names.set(pair.v4, name).set(pair.v6, name)
      return pair
    },
    nameAt: (address) => names.get(address),
  }
}

/** Canonical spellings: an index fits into one group of the version 6 address. */
function pairAt(index: number): AddressPair {
  const [a = 0, b = 0] = synthetic.v4.address.split('.').map(Number)
  const v4 = [a, b + (index >> 16), (index >> 8) & 0xff, index & 0xff].join('.')
  return { v4, v6: `${synthetic.v6.address}${index.toString(16)}` }
}
