import type { ReadStream, WriteStream } from 'node:tty'

export interface TerminalSize {
  readonly rows: number
  readonly columns: number
}

/** The terminal that the user sits at, handed over byte by byte. */
export interface RawTerminal {
  readonly size: () => TerminalSize
  /** Gives it back as it was. Idempotent; synchronous, so that it can be done at the very end. */
  restore(): void
}

/**
 * Takes our stdin out of line mode: each byte that is typed goes inside, Ctrl-C among them. However this process ends,
 * short of SIGKILL, the terminal is given back: by `restore`, or by the exit handler for a failure that nobody caught.
 */
export function takeTerminal(
  input: ReadStream,
  output: WriteStream,
  onResize: (size: TerminalSize) => void,
): RawTerminal {
  const size = (): TerminalSize => ({ rows: output.rows, columns: output.columns })
  const resized = (): void => onResize(size())
  const restore = (): void => {
    process.off('exit', restore)
    output.off('resize', resized)
    if (input.isRaw) input.setRawMode(false)
  }
  process.on('exit', restore)
  input.setRawMode(true)
  output.on('resize', resized)
  return { size, restore }
}
