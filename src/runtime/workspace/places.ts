import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/** What is above our own places is the user's, and made like any other directory of theirs. */
export function makeAbove(place: string): void {
  const above = dirname(place)
  if (!existsSync(above)) mkdirSync(above, { recursive: true, mode: 0o700 })
}
