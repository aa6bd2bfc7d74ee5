/** How much of a line that is too long is kept for finding its id: this much of its beginning, and of its end. */
const headBytes = 4096
const tailBytes = 512
const firstHold = 4096
const newline = 0x0a

export interface LineSink {
  /**
   * One line: `bytes[start, end)` without its newline, `bytes[start, next)` with it. `next === end` only for a last
   * line that never got one. The memory belongs to the receiver: nothing writes to it again.
   */
  line(bytes: Buffer, start: number, end: number, next: number): void
  /** A line over the cap, after its end was seen: its first and last bytes, and how long it was. */
  tooLong(head: Buffer, tail: Buffer, length: number): void
}

export interface Framer {
  push(chunk: Buffer): void
  /** End of input: what is left is a line. */
  end(): void
}

/**
 * Cuts a byte stream at newlines, in linear time whatever the chunks. Lines inside one chunk are slices of it. A line
 * over `maxLine` bytes is thrown away as it comes, so no more than twice the cap is ever held.
 */
export function createFramer(maxLine: number, sink: LineSink): Framer {
  // A list of chunks would cost a hundred bytes for a chunk of one byte: a partial line is copied to one growing buffer.
  let held = Buffer.alloc(0)
  let length = 0
  let skipped: SkippedLine | undefined

  function hold(chunk: Buffer, from: number, to: number): void {
    const needed = length + to - from
    if (needed > held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(firstHold, Math.min(maxLine + 1, 2 * needed), needed))
      held.copy(grown, 0, 0, length)
      held = grown
    }
    chunk.copy(held, length, from, to)
    length = needed
  }

  function keep(chunk: Buffer, from: number, to: number): void {
    if (skipped === undefined && length + to - from > maxLine) {
      skipped = createSkippedLine()
      skipped.add(held, 0, length)
      release()
    }
    if (skipped === undefined) hold(chunk, from, to)
    else skipped.add(chunk, from, to)
  }

  function release(): void {
    held = Buffer.alloc(0)
    length = 0
  }

  function finish(terminated: boolean): void {
    if (skipped !== undefined) {
      const line = skipped
      skipped = undefined
      sink.tooLong(line.head(), line.tail(), line.length())
      return
    }
    const line = held
    const end = terminated ? length - 1 : length
    const next = length
    release()
    sink.line(line, 0, end, next)
  }

  return {
    push(chunk) {
      let from = 0
      while (from < chunk.length) {
        const at = chunk.indexOf(newline, from)
        if (at === -1) {
          keep(chunk, from, chunk.length)
          return
        }
        if (length === 0 && skipped === undefined && at - from <= maxLine) {
          sink.line(chunk, from, at, at + 1)
        } else {
          keep(chunk, from, at)
          if (skipped === undefined) hold(chunk, at, at + 1)
          finish(true)
        }
        from = at + 1
      }
    },
    end() {
      if (length > 0 || skipped !== undefined) finish(false)
    },
  }
}

interface SkippedLine {
  add(bytes: Buffer, from: number, to: number): void
  head(): Buffer
  tail(): Buffer
  length(): number
}

/** The first and last bytes of a line that is being thrown away. */
function createSkippedLine(): SkippedLine {
  const head = Buffer.alloc(headBytes)
  // Room to append many small chunks before the last bytes are moved to the front again.
  const recent = Buffer.alloc(16 * tailBytes)
  let headLength = 0
  let recentLength = 0
  let total = 0
  return {
    add(bytes, from, to) {
      total += to - from
      headLength += bytes.copy(head, headLength, from, Math.min(to, from + headBytes - headLength))
      const last = Math.max(from, to - tailBytes)
      if (recentLength + to - last > recent.length) {
        recentLength = recent.copy(recent, 0, recentLength - tailBytes, recentLength)
      }
      recentLength += bytes.copy(recent, recentLength, last, to)
    },
    head: () => head.subarray(0, headLength),
    tail: () => recent.subarray(Math.max(0, recentLength - tailBytes), recentLength),
    length: () => total,
  }
}
