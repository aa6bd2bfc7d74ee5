import { ReadStream, WriteStream } from 'node:tty'
import { onTerminal } from '../../../system/terminal.ts'
import { sinkTo } from '../../../system/output.ts'
import { takeTerminal, type RawTerminal, type TerminalSize } from '../../../system/raw-terminal.ts'
import type { GuestLauncher } from './guest-launcher.ts'

/** The terminal that our stdin and stdout are; undefined where they are something else. */
export function terminalSize(): TerminalSize | undefined {
  if (!onTerminal() || !(process.stdout instanceof WriteStream)) return undefined
  return { rows: process.stdout.rows, columns: process.stdout.columns }
}

/**
 * Our stdin, stdout and stderr as the program's own. In a machine of its own nothing can be inherited: what a jail hands
 * over is carried here.
 * @returns settles when all its output has been handed on
 */
export async function carryOwnStdio(launcher: GuestLauncher): Promise<void> {
  const terminal = takeOwnTerminal(launcher)
  const input = process.stdin.pipe(launcher.stdin)
  input.on('error', () => undefined) // the program does not read any more: what is typed goes nowhere
  try {
    await Promise.all([carry(launcher.stdout, 1), carry(launcher.stderr, 2)])
  } finally {
    terminal?.restore()
    process.stdin.unpipe(launcher.stdin)
    // Whatever still waits for input that will not be used.
    process.stdin.destroy()
  }
}

async function carry(output: GuestLauncher['stdout'], fd: 1 | 2): Promise<void> {
  const sink = sinkTo(fd)
  for await (const chunk of output as AsyncIterable<Buffer>) {
    if (!(await sink.write(chunk))) break // destroys the stream, by which the program learns of it
  }
  await sink.finish()
}

function takeOwnTerminal(launcher: GuestLauncher): RawTerminal | undefined {
  const { stdin, stdout } = process
  if (terminalSize() === undefined || !(stdin instanceof ReadStream) || !(stdout instanceof WriteStream)) {
    return undefined
  }
  return takeTerminal(stdin, stdout, (size) => launcher.resize(size))
}
