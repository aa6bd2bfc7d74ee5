import type { ChildProcess } from 'node:child_process'

/** Children that must not outlive us: whoever ends `npm test` ends what it has started. */
export interface Live {
  readonly track: (child: ChildProcess) => ChildProcess
}

export function liveChildren(): Live {
  const children = new Set<ChildProcess>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      for (const child of children) child.kill(signal === 'SIGINT' ? 'SIGTERM' : signal)
      // Without our handler, the signal does to us what it would have done.
      process.kill(process.pid, signal)
    })
  }
  return {
    track(child) {
      children.add(child)
      child.once('close', () => children.delete(child))
      return child
    },
  }
}
