import { messageOf } from '../errors.ts'
import type { Served } from '../runtime/served.ts'
import { createBackOff } from './back-off.ts'
import { pause } from './pause.ts'

/** Sandboxes of one server that are up ahead of need. One that was handed out never comes back. */
export interface Pool {
  readonly size: number
  ready(): number
  /** The oldest that waits; the next is started in the background. */
  take(): Served | undefined
  close(): Promise<void>
}

/** One is started at a time: what waits for a sandbox now is more urgent than what may be asked for. */
export function createPool(options: {
  readonly size: number
  /** One that is up already. */
  readonly ready: Served | undefined
  readonly start: (signal: AbortSignal) => Promise<Served>
  readonly tell: (line: string) => void
}): Pool {
  const { size, start, tell } = options
  const over = new AbortController()
  let waiting: Served[] = []
  let filling: Promise<void> | undefined
  let backOff = createBackOff()
  /** What is waited for before the next start, after one that failed or ended. */
  let delayMs = 0
  let hasGivenUp = false

  async function fill(): Promise<void> {
    while (waiting.length < size && !hasGivenUp) {
      if (delayMs > 0) await pause(takeDelay(), over.signal)
      if (over.signal.aborted) return
      try {
        const served = await start(over.signal)
        // Asked for now, so that nobody waits for it later.
        await served.countTools().catch(async (error: unknown) => {
          await served.discard()
          throw error
        })
        if (over.signal.aborted) return await served.discard()
        keep(served)
      } catch (error) {
        if (over.signal.aborted) return
        wait(0)
        tell(`the pool is not filled: ${messageOf(error)}`)
      }
    }
  }

  function takeDelay(): number {
    const ms = delayMs
    delayMs = 0
    return ms
  }

  /** One that has lived so long is lost: the next waits a while, longer each time. */
  function wait(livedMs: number): void {
    const next = backOff.next(livedMs)
    hasGivenUp = next === undefined
    delayMs = Math.max(delayMs, next ?? 0)
  }

  /** One that ends while it waits is handed to nobody. */
  function keep(served: Served): void {
    const from = performance.now()
    waiting.push(served)
    void served.ended.then((end) => drop(served, end.why, performance.now() - from))
  }

  function drop(served: Served, why: string, livedMs: number): void {
    if (!waiting.includes(served)) return
    waiting = waiting.filter((other) => other !== served)
    wait(livedMs)
    tell(`${served.id} ended while it waited in the pool: ${why}`)
    refill()
  }

  function refill(): void {
    if (over.signal.aborted) return
    if (hasGivenUp) return tell('the pool is left as it is until the next call')
    filling ??= fill().finally(() => {
      filling = undefined
      // One may have been taken since the last look.
      if (waiting.length < size) refill()
    })
  }

  if (options.ready !== undefined) keep(options.ready)
  refill()
  return {
    size,
    ready: () => waiting.length,
    take() {
      const served = waiting.shift()
      // Somebody wants it: what went wrong before may be over.
      if (served !== undefined || hasGivenUp) backOff = createBackOff()
      hasGivenUp = false
      // Behind the answer to whoever takes it: a start holds us up for some milliseconds.
      setImmediate(refill)
      return served
    },
    async close() {
      over.abort(new Error('the pool is closed'))
      const left = waiting
      waiting = []
      await Promise.all([...left.map(async (served) => served.discard()), filling])
    },
  }
}
