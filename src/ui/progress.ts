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

/** Elsewhere than on a terminal: when somebody begins to wonder, and then seldom. */
const linesMs = { first: 3000, each: 30_000 }

/**
 * An amount of which nobody knows how much it will be: on one line, after a second, with its rate. Elsewhere than on a terminal a line
 * after three seconds, and one each half minute.
 */
export function amountOf(
  what: string,
  stream: NodeJS.WriteStream,
  now: () => number = Date.now,
): { show: (bytes: number) => void; clear: () => void } {
  const begun = now()
  let last = 0
  return {
    show(bytes) {
      const time = now()
      if (!stream.isTTY) return line(time, bytes)
      if (time - begun < quietMs || time - last < 200) return
      last = time
      stream.write(`\r${what}: ${sizeOf(bytes)}, ${sizeOf((bytes * 1000) / (time - begun))}/s\u{1b}[K`)
    },
    clear() {
      if (last === 0 || !stream.isTTY) return
      last = 0
      stream.write('\r\u{1b}[K')
    },
  }

  function line(time: number, bytes: number): void {
    if (time - begun < linesMs.first || (last !== 0 && time - last < linesMs.each)) return
    last = time
    stream.write(`glovebox: ${what}: ${sizeOf(bytes)} so far\n`)
  }
}

/**
 * Says that something is waited for, of which nobody knows how far it is: on a terminal one line from the first second on, with the
 * seconds; elsewhere a line after three of them, and one each half minute.
 * @param what a server's own text among it is made harmless by the caller
 * @returns what ends it, and takes the line away
 */
export function waitingFor(what: string, stream: NodeJS.WriteStream, now: () => number = Date.now): () => void {
  const begun = now()
  let last = 0
  const timer = setInterval(() => {
    const seconds = Math.floor((now() - begun) / 1000)
    if (stream.isTTY) stream.write(`\r${what}: ${seconds} s\u{1b}[K`)
    else if (now() - begun < linesMs.first || (last !== 0 && now() - last < linesMs.each)) return
    else stream.write(`glovebox: ${what}: ${seconds} s so far\n`)
    last = now()
  }, quietMs)
  // What is waited for keeps us alive, not that it is said.
  timer.unref()
  return () => {
    clearInterval(timer)
    if (last !== 0 && stream.isTTY) stream.write('\r\u{1b}[K')
  }
}

/** In the units that people compare: 1024 each. */
export function sizeOf(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** Long work in steps that have names: on one line of a terminal; elsewhere each step is a line. */
export function stepsOf(
  what: string,
  stream: NodeJS.WriteStream,
): { show: (at: { readonly step: string; readonly share: number }) => void; clear: () => void } {
  let last = ''
  return {
    show({ step, share }) {
      if (stream.isTTY) stream.write(`\r${what}: ${Math.floor(Math.min(1, share) * 100)} %, ${step}\u{1b}[K`)
      else if (step !== last) stream.write(`glovebox: ${what}: ${step}\n`)
      last = step
    },
    clear() {
      if (stream.isTTY && last !== '') stream.write('\r\u{1b}[K')
      last = ''
    },
  }
}
