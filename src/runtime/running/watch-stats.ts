import { onEndingSignals } from '../signals.ts'
import { readStats, type StatsRow } from './stats.ts'

const everyMs = 1000

/** Shows them again each second until we are asked to end, or until none of them runs any more. Returns the exit code. */
export async function watchStats(
  names: readonly string[],
  render: (rows: readonly StatsRow[]) => string,
  { json, stream }: { json: boolean; stream: NodeJS.WriteStream },
): Promise<number> {
  const ended = Promise.withResolvers<'ended'>()
  let isOver = false
  const release = onEndingSignals(() => {
    isOver = true
    ended.resolve('ended')
  })
  let timer: NodeJS.Timeout | undefined
  try {
    // One that has ended is an error only where it was never there.
    for (let ids = (await readStats(names)).map(({ sandbox }) => sandbox.id); !isOver && ids.length > 0;) {
      const rows = await readStats([]).then((all) => all.filter(({ sandbox }) => ids.includes(sandbox.id)))
      ids = rows.map(({ sandbox }) => sandbox.id)
      // On a terminal in the same place: cursor to the corner, the rest of the screen erased.
      const clear = stream.isTTY && !json ? '\u{1b}[H\u{1b}[J' : ''
      stream.write(`${clear}${render(rows)}`)
      const pause = new Promise<'again'>((resolve) => {
        timer = setTimeout(() => resolve('again'), everyMs)
      })
      await Promise.race([pause, ended.promise])
    }
    return 0
  } finally {
    clearTimeout(timer)
    release()
  }
}
