import { closeSync, openSync, readSync } from 'node:fs'

export interface Line {
  /** Without its newline. Valid until the next line is asked for. */
  readonly bytes: Buffer
  /** Offset in the file of what follows the line. */
  readonly end: number
  /** False for what stands after the last newline, and for a piece of a line longer than `maxLineBytes`. */
  readonly whole: boolean
}

/** No line of ours comes near; what is longer is not kept in memory. */
export const maxLineBytes: number = 1024 * 1024

/** The lines of a file, one at a time, in bounded memory. */
export function* readLines(path: string, from = 0): Generator<Line, void, undefined> {
  const fd = openSync(path, 'r')
  try {
    yield* linesOf((buffer, position) => readSync(fd, buffer, 0, buffer.length, position), from)
  } finally {
    closeSync(fd)
  }
}

function* linesOf(read: (buffer: Buffer, position: number) => number, from: number): Generator<Line, void, undefined> {
  const chunk = Buffer.allocUnsafe(256 * 1024)
  let rest: Buffer = Buffer.alloc(0)
  let position = from
  for (;;) {
    const count = read(chunk, position)
    if (count === 0) break
    const data = rest.length === 0 ? chunk.subarray(0, count) : Buffer.concat([rest, chunk.subarray(0, count)])
    const base = position - rest.length
    position += count
    let start = 0
    for (let newline = data.indexOf(10); newline !== -1; newline = data.indexOf(10, start)) {
      yield { bytes: data.subarray(start, newline), end: base + newline + 1, whole: true }
      start = newline + 1
    }
    rest = Buffer.from(data.subarray(start))
    if (rest.length > maxLineBytes) {
      yield { bytes: rest, end: position, whole: false }
      return
    }
  }
  if (rest.length > 0) yield { bytes: rest, end: position, whole: false }
}
