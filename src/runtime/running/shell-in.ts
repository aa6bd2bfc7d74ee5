import { enter } from './entry.ts'
import { requireRunning } from './require.ts'
import { runInside } from './run-inside.ts'
import { shellOf } from './shell-of.ts'

export interface ShellOptions {
  /** Undefined: the best that the sandbox has. */
  readonly shell: string | undefined
  readonly env: readonly string[]
  readonly workdir: string | undefined
  readonly terminal: boolean
}

/** A login shell in a running sandbox. Returns the exit code. @throws GloveboxError */
export async function shellIn(name: string, options: ShellOptions): Promise<number> {
  const sandbox = await requireRunning(name, process.env)
  const named = options.shell === undefined ? [] : [options.shell]
  return enter(sandbox, { kind: 'shell', command: named }, async (inside) => {
    const shell = options.shell ?? (await shellOf(inside.connection))
    // Without these a shell on a terminal can neither draw nor tell where it is.
    const term = options.terminal ? [`TERM=${process.env['TERM'] ?? 'xterm'}`] : []
    return runInside(inside, { ...options, command: commandOf(shell), env: [...term, ...options.env], input: true })
  })
}

/** As a login shell where it is a shell of the usual family: another program would not know the option. */
function commandOf(shell: string): string[] {
  return /(?:^|\/)(?:|a|ba|da|k|mk|z)sh$/.test(shell) ? [shell, '-l'] : [shell]
}
