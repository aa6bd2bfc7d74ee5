/** Before this, nothing is said: most work is done. */
const quietMs = 1000

/** A share of some work on one line of a terminal, once it has taken a second; nothing where there is no terminal. */
export function shareOf(
  what: string,
  stream: NodeJS.WriteStream,
  now: () => number = Date.now,
): (share: number) => void {
  const begun = now()
  let shown = ''
  return (share) => {
    if (!stream.isTTY || (shown === '' && now() - begun < quietMs)) return
    const percent = `${Math.floor(Math.min(1, share) * 100)} %`
    if (share < 1 && percent === shown) return
    // Erased at the end: the answer stands alone.
    stream.write(share >= 1 ? '\r\u{1b}[K' : `\r${what}: ${percent}`)
    shown = share >= 1 ? '' : percent
  }
}
