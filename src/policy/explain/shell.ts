/** A word as a shell reads it as that word, and nothing else (POSIX, XCU 2.2.2). */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}

export function shellLine(words: readonly string[]): string {
  return words.map(shellWord).join(' ')
}
