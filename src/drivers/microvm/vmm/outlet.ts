import { Readable } from 'node:stream'

/** A stream that is filled from outside, and says when it has had enough. */
export interface Outlet {
  readonly stream: Readable
  /** Settles when there is room for more: at once, once it was read, or when nobody wants it any more. */
  put(bytes: Uint8Array): Promise<void>
  end(): void
  /** From now on nobody is waited for: its source has ended, or is to end whether it was read or not. */
  hurry(): void
}

/** What a pipe holds that nobody reads, several times over: a program that has ended is not waited for because of it. */
const waitingBytes = 1024 ** 2

export function createOutlet(): Outlet {
  let room: (() => void) | undefined
  let hurried = false
  const makeRoom = (): void => {
    room?.()
    room = undefined
  }
  const stream = new Readable({
    highWaterMark: waitingBytes,
    read: makeRoom,
    destroy(error, done) {
      makeRoom()
      done(error)
    },
  })
  return {
    stream,
    async put(bytes) {
      if (stream.destroyed) return
      // In a hurry only what there is room for is kept.
      if (hurried && stream.readableLength >= waitingBytes) return
      if (stream.push(Buffer.from(bytes)) || hurried) return
      await new Promise<void>((resolve) => {
        room = resolve
      })
    },
    end: () => void stream.push(null),
    hurry() {
      hurried = true
      makeRoom()
    },
  }
}
