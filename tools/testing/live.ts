import type { ChildProcess } from 'node:child_process'

/** Children that must not outlive us: whoever ends `npm test` ends what it has started. */
export interface Live {
  readonly track: (child: ChildProcess) => ChildProcess
  /** What is done last, however we end; it cannot wait. */
  readonly atEnd: (work: () => void) => void
}

export function liveChildren(): Live {
  const children = new Set<ChildProcess>()
  const last: (() => void)[] = []
  const end = (): void => {
    for (const work of last.splice(0)) work()
  }
  process.once('exit', end)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      for (const child of children) child.kill(signal === 'SIGINT' ? 'SIGTERM' : signal)
      end()
      // Without our handler, the signal does to us what it would have done.
      process.kill(process.pid, signal)
    })
  }
  return {
    atEnd: (work) => void last.push(work),
    track(child) {
      children.add(child)
      child.once('close', () => children.delete(child))
      return child
    },
  }
}
