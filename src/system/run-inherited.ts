import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/**
 * Runs a program of the user's with our own stdin, stdout and stderr, without a shell. What a terminal sends to the foreground
 * goes to it by itself; we wait for it. Returns its exit code, 128 + n for signal n.
 * @throws the system's error when it cannot be started
 */
export async function runInherited(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(file, args, { stdio: 'inherit', shell: false, env })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
  // From a terminal the whole foreground has it; from elsewhere only we.
  const pass = (signal: NodeJS.Signals): void => void (process.stdin.isTTY ? undefined : child.kill(signal))
  for (const signal of signals) process.on(signal, pass)
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])))
    })
  } finally {
    for (const signal of signals) process.off(signal, pass)
  }
}
