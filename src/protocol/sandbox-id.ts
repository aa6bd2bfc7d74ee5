/** Shorter, it may be the beginning of all of them, or somebody's name for a server. */
const fewest = 6

/** Whether a word of the user's means the sandbox of this id: all of it, or enough of its beginning. */
export function meansId(word: string, id: string): boolean {
  return word.length >= fewest && id.startsWith(word)
}
