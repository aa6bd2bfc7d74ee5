import { dirname } from 'node:path'
import { makeDirectory } from '../../system/make-directory.ts'

/** What is above our own places is the user's, and made like any other directory of theirs. */
export function makeAbove(place: string): void {
  makeDirectory(dirname(place))
}
