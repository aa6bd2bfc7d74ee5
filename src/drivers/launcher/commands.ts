import { constants } from 'node:os'
import type { JailCommandLine } from '../../protocol/jail-status.ts'
import type { Exit, Wall } from '../driver.ts'

/** What a launcher is told while its sandbox is built and runs. */
export interface Commands extends Pick<Wall, 'signal' | 'stop'> {
  /** What a plan with `hold` waits for. */
  readonly go: () => void
}

/** @param write one line to the launcher's plan descriptor */
export function launcherCommands(write: (line: string) => void, exit: Promise<Exit>): Commands {
  let stopping: Promise<Exit> | undefined
  const command = (line: JailCommandLine): void => write(`${JSON.stringify(line)}\n`)
  const signal = (name: NodeJS.Signals): void => command({ do: 'signal', signal: constants.signals[name] })
  return {
    go: () => command({ do: 'go' }),
    signal,
    stop(graceMs = 2000): Promise<Exit> {
      stopping ??= stop(graceMs, { signal, exit, end: () => command({ do: 'stop' }) })
      return stopping
    },
  }
}

async function stop(
  graceMs: number,
  sandbox: { signal: Wall['signal']; exit: Promise<Exit>; end: () => void },
): Promise<Exit> {
  sandbox.signal('SIGTERM')
  const timer = setTimeout(sandbox.end, graceMs)
  try {
    return await sandbox.exit
  } finally {
    clearTimeout(timer)
  }
}
