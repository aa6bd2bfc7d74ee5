import { sha256 } from '../system/sha256.ts'

/** JSON with sorted keys and no spaces: equal values have equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
}

/** The hash of a value, short enough for a file name: 128 bits. */
export function shortHash(value: unknown): string {
  return sha256(canonicalJson(value)).slice(0, 32)
}
