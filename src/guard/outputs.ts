import type { Side } from './answers.ts'

/** Bytes to be written to one side: whole lines only. */
export interface Output {
  readonly to: Side
  readonly bytes: Buffer
}

export interface Outputs {
  /** `bytes[start, end)` as it came; what follows on in the same memory becomes one piece. */
  forward(to: Side, bytes: Buffer, start: number, end: number): void
  add(to: Side, bytes: Buffer): void
  /** Everything so far, in order for each side. */
  take(): readonly Output[]
}

interface Run {
  readonly bytes: Buffer
  readonly start: number
  end: number
}

export function createOutputs(): Outputs {
  let done: Output[] = []
  let runs: { [side in Side]?: Run | undefined } = {}

  function close(to: Side): void {
    const run = runs[to]
    if (run === undefined) return
    done.push({ to, bytes: run.bytes.subarray(run.start, run.end) })
    runs[to] = undefined
  }

  return {
    forward(to, bytes, start, end) {
      const run = runs[to]
      if (run !== undefined && run.bytes === bytes && run.end === start) {
        run.end = end
        return
      }
      close(to)
      runs[to] = { bytes, start, end }
    },
    add(to, bytes) {
      close(to)
      done.push({ to, bytes })
    },
    take() {
      close('client')
      close('server')
      const taken = done
      done = []
      runs = {}
      return taken
    },
  }
}
