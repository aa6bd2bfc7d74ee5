import { execFile } from 'node:child_process'

export interface Finished {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end, without a shell, with an empty environment but for PATH. @throws when it cannot be started, or says more than 4 MiB */
export function runCommand(file: string, args: readonly string[]): Promise<Finished> {
  return new Promise<Finished>((resolve, reject) => {
    const options = { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, shell: false, maxBuffer: 4 * 1024 ** 2 }
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      // A number is its exit code, none is a signal. A word is that it was not started, or said too much: then Node gives it an
      // exit code of its own, below zero.
      if (error instanceof Error && 'code' in error && typeof error.code === 'string') reject(error)
      else resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr })
    })
  })
}
