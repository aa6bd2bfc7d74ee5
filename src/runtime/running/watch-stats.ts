import { onEndingSignals } from '../signals.ts'
import { readStats, type StatsRow } from './stats.ts'

const everyMs = 1000

/** Shows them again each second until we are asked to end, or until none of them runs any more. Returns the exit code. */
export async function watchStats(
  names: readonly string[],
  render: (rows: readonly StatsRow[]) => string,
  { json, stream }: { json: boolean; stream: NodeJS.WriteStream },
): Promise<number> {
  const over = new AbortController()
  const release = onEndingSignals(() => over.abort())
  const ended = new Promise<void>((resolve) => over.signal.addEventListener('abort', () => resolve(), { once: true }))
  let timer: NodeJS.Timeout | undefined
  try {
    // One that has ended is an error only where it was never there.
    for (let ids = (await readStats(names)).map(({ sandbox }) => sandbox.id); !over.signal.aborted && ids.length > 0;) {
      const rows = await readStats([]).then((all) => all.filter(({ sandbox }) => ids.includes(sandbox.id)))
      ids = rows.map(({ sandbox }) => sandbox.id)
      // On a terminal in the same place: cursor to the corner, the rest of the screen erased.
      const clear = stream.isTTY && !json ? '\u{1b}[H\u{1b}[J' : ''
      stream.write(`${clear}${render(rows)}`)
      const pause = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, everyMs)
      })
      await Promise.race([pause, ended])
    }
    return 0
  } finally {
    clearTimeout(timer)
    release()
  }
}
