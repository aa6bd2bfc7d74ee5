import { readdirSync, readFileSync } from 'node:fs'

/** How long somebody was ready to run, in ms, and had no processor, since whenever: what was not done meanwhile is not their fault. */
export type Waited = () => number

/**
 * That of a process, by its thread that waited most (second number of schedstat; sched-stats in the kernel's documentation). Never less
 * than before: threads end. Stands still where the kernel does not tell.
 */
export function waitedBy(pid: number): Waited {
  let most = 0
  return () => {
    for (const thread of threadsOf(pid)) most = Math.max(most, waitOf(`/proc/${pid}/task/${thread}/schedstat`))
    return most
  }
}

/** On a machine that is busy for good, somebody who makes no progress at all is given up in the end. */
export const mostTimes = 10

/**
 * A time limit for somebody who shares the processors with others: `onOver` is called when they have had so much time and were not kept
 * from using it; at the latest after ten times as much. What has come by then is read first. Returns how it is taken back.
 */
export function patience(ms: number, onOver: () => void, waited: Waited = () => 0): () => void {
  const begun = performance.now()
  const before = waited()
  let isOver = false
  let timer = setTimeout(look, ms)

  function look(): void {
    const passed = performance.now() - begun
    const had = passed - (waited() - before)
    if (had < ms && passed < mostTimes * ms) {
      timer = setTimeout(look, Math.max(ms - had, 50))
      return
    }
    // We may have been kept waiting ourselves: an answer that is there is taken in before this.
    setImmediate(() => {
      if (!isOver) onOver()
    })
  }

  return () => {
    isOver = true
    clearTimeout(timer)
  }
}

/**
 * What comes of a work that somebody does who shares the processors with others.
 * @throws what the work does, or `late()` when it took too long
 */
export async function inPatience<T>(
  work: Promise<T>,
  { ms, late, waited }: { readonly ms: number; readonly late: () => Error; readonly waited: Waited },
): Promise<T> {
  const over = Promise.withResolvers<never>()
  const settle = patience(ms, () => over.reject(late()), waited)
  try {
    return await Promise.race([work, over.promise])
  } finally {
    settle()
  }
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return [] // it has ended, which is told elsewhere
  }
}

function waitOf(file: string): number {
  try {
    return Number(readFileSync(file, 'latin1').split(' ')[1] ?? 0) / 1e6
  } catch {
    return 0 // that thread has ended, or the kernel keeps no count
  }
}
