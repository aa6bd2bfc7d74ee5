import { spawn } from 'node:child_process'
import { paint } from './paint.ts'

export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly cwd: string
}

export interface Outcome {
  readonly name: string
  readonly ok: boolean
  readonly output: string
  readonly seconds: number
}

/** Runs a command to its end and keeps what it said. */
export async function finish({ name, program, args, cwd }: Command & { readonly name: string }): Promise<Outcome> {
  const started = performance.now()
  const outcome = (ok: boolean, output: string): Outcome => ({
    name,
    ok,
    output,
    seconds: (performance.now() - started) / 1000,
  })
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    const said: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => said.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
    child.on('error', (error) => resolve(outcome(false, error.message)))
    child.on('close', (code) => resolve(outcome(code === 0, Buffer.concat(said).toString())))
  })
}

/** One line for what succeeded; everything that was said for what did not. */
export function report({ name, ok, output, seconds }: Outcome): void {
  const mark = ok ? paint.green('✓') : paint.red('✗')
  process.stdout.write(`${mark} ${name.padEnd(12)} ${paint.dim(`${seconds.toFixed(1)} s`)}\n`)
  if (!ok) process.stdout.write(`${output.trimEnd()}\n\n`)
}
