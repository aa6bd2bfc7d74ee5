import { spawn, type ChildProcess } from 'node:child_process'
import path from 'node:path'

export interface Apart {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const bin = path.resolve(import.meta.dirname, '../../bin/glovebox.cjs')

/** The command line in a process of its own, while ours goes on (and may serve it as a registry). */
export async function runApart(
  words: readonly string[],
  options: { env: NodeJS.ProcessEnv; cwd: string; started?: (child: ChildProcess) => void },
): Promise<Apart> {
  const child = spawn(process.execPath, [bin, ...words], {
    env: options.env,
    cwd: options.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  options.started?.(child)
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { code, stdout, stderr }
}
