import { constants } from 'node:os'
import { ReadStream, WriteStream } from 'node:tty'
import { GloveboxError } from '../../errors.ts'
import type { Inside } from '../../inside/client.ts'
import { startProgram, type Program } from '../../inside/program.ts'
import type { ExecEnded } from '../../protocol/inside/v1.ts'
import { keepCompiled } from '../../system/keep-compiled.ts'
import { takeTerminal, type RawTerminal } from '../../system/raw-terminal.ts'
import { onEndingSignals } from '../signals.ts'
import type { Left } from './entry.ts'
import { sinkTo } from '../../system/output.ts'

export interface ProgramOptions {
  readonly command: readonly string[]
  /** `K=V`. */
  readonly env: readonly string[]
  readonly workdir: string | undefined
  readonly terminal: boolean
  /** Whether our stdin is the program's. */
  readonly input: boolean
}

/**
 * A program in a running sandbox with our own stdin, stdout and stderr. Signals that we are sent go to it; a second one of
 * them, or the end of us, kills it.
 * @throws GloveboxError when it was not started, or when the sandbox is lost
 */
export async function runInside(inside: Inside, options: ProgramOptions): Promise<Left> {
  let terminal: RawTerminal | undefined
  let program: Program | undefined
  let asked: NodeJS.Signals | undefined
  const release = onEndingSignals((signal) => {
    const again = asked !== undefined
    asked ??= signal
    if (again || program === undefined) program?.kill()
    else program.signal(constants.signals[signal]).catch(() => undefined) // its end is told by `ended`
  })
  try {
    const outputs = { stdout: sinkTo(1), stderr: sinkTo(2) }
    const screen = options.terminal ? screenOf() : undefined
    const size = screen && { rows: screen.output.rows, columns: screen.output.columns }
    program = await startProgram(inside.connection, startOf(options, size), async (stream, bytes) => {
      if (await outputs[stream].write(bytes)) return
      // Nobody reads it any more: what would happen to a program here happens to it there.
      await program?.signal(constants.signals.SIGPIPE)
    })
    keepCompiled()
    const started = program
    if (screen) {
      terminal = takeTerminal(screen.input, screen.output, (now) => void started.resize(now).catch(() => undefined))
    }
    const feeding = options.input ? feed(started) : started.endInput()
    feeding.catch(() => undefined) // a program that takes no more input has ended, or will
    if (asked !== undefined) await started.signal(constants.signals[asked])
    const left = leftBy(await started.ended)
    await Promise.all([outputs.stdout.finish(), outputs.stderr.finish()])
    return left
  } finally {
    terminal?.restore()
    release()
    program?.kill()
    // Whatever still waits for input that will not be used.
    process.stdin.destroy()
  }
}

function startOf({ command, env, workdir }: ProgramOptions, terminal: { rows: number; columns: number } | undefined) {
  return {
    argv: command.map((word) => Buffer.from(word)),
    environment: env.map((variable) => Buffer.from(variable)),
    environmentOnly: false,
    directory: workdir === undefined ? undefined : Buffer.from(workdir),
    terminal,
  }
}

function screenOf(): { input: ReadStream; output: WriteStream } {
  const { stdin, stdout } = process
  if (stdin instanceof ReadStream && stdout instanceof WriteStream) return { input: stdin, output: stdout }
  throw new GloveboxError('USAGE', '--tty: stdin and stdout are not a terminal', {
    fix: 'leave it out: pipes go through byte by byte',
  })
}

/** The next is read when there is room for it: what is piped in is never held here. */
async function feed(program: Program): Promise<void> {
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) await program.write(chunk)
  await program.endInput()
}

function leftBy({ how }: ExecEnded): Left {
  if (how?.case === 'signal') return { code: 128 + how.value, how: `ended by signal ${how.value}` }
  const code = how?.value ?? 1
  return { code, how: `exit code ${code}` }
}
