import { monotonicMs } from '../monotonic.ts'
import type { Recorder, ServerLogFact } from '../protocol/facts.ts'
import { createFramer } from './framer.ts'
import { resolveLimits } from './limits.ts'
import type { GuardLimits } from './limits.ts'
import { createTokenBucket } from './rate.ts'
import type { Clock } from './rate.ts'

export interface LogOptions {
  readonly record: Recorder
  readonly stream: ServerLogFact['stream']
  readonly limits?: Partial<GuardLimits> | undefined
  readonly now?: Clock | undefined
}

/** Turns what a server writes for people into `server-log` facts: lines, cut and at a bounded rate. */
export interface LogLines {
  write(chunk: Buffer): void
  /** End of the stream: the last line, and how many were not recorded. */
  end(): void
}

export function createLogLines(options: LogOptions): LogLines {
  const log = createLogRecorder(options)
  const framer = createFramer(resolveLimits(options.limits).logLineBytes, {
    line: (bytes, start, end) => log.line(bytes.subarray(start, end), false),
    tooLong: (head) => log.line(head, true),
  })
  return {
    write: (chunk) => framer.push(chunk),
    end() {
      framer.end()
      log.flush()
    },
  }
}

export interface LogRecorder {
  line(bytes: Buffer, cut: boolean): void
  flush(): void
}

export function createLogRecorder(options: LogOptions): LogRecorder {
  const { logLineBytes, factsPerSecond } = resolveLimits(options.limits)
  const { record, stream, now = monotonicMs } = options
  const bucket = createTokenBucket(factsPerSecond, now)
  let unrecorded = 0

  function flush(): void {
    if (unrecorded === 0) return
    record({
      fact: 'server-log',
      stream,
      text: `[${unrecorded} more lines, too fast to record (over ${factsPerSecond} a second)]`,
    })
    unrecorded = 0
  }

  return {
    line(bytes, cut) {
      if (isBlank(bytes)) return
      if (!bucket.tryTake()) {
        unrecorded++
        return
      }
      flush()
      const kept = bytes.subarray(0, logLineBytes).toString().replace(/\r$/, '')
      const text = cut || bytes.length > logLineBytes ? `${kept} […]` : kept
      record({ fact: 'server-log', stream, text })
    },
    flush,
  }
}

export function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}
