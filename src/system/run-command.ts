import { execFile } from 'node:child_process'

export interface Finished {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end, without a shell, with an empty environment but for PATH. @throws when it cannot be started */
export function runCommand(file: string, args: readonly string[]): Promise<Finished> {
  return new Promise<Finished>((resolve, reject) => {
    const options = { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, shell: false, maxBuffer: 4 * 1024 ** 2 }
    const child = execFile(file, args, options, (error: Error | null, stdout, stderr) => {
      if (error && child.exitCode === null && child.signalCode === null) reject(error)
      else resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr })
    })
  })
}
