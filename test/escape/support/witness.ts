import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { Runner } from '../../support/as-user.ts'
import { attacksBinary } from './binaries.ts'

/** A process outside with listeners of every kind, shared objects and a victim, which knows when it was touched. */
export interface Witness {
  /** `tcp4`, `udp4`, and where the host has them `tcp6`, `udp6`. */
  readonly ports: Readonly<Record<string, number>>
  readonly victim: number
  readonly group: number
  /** Where in the victim's memory its secret is. */
  readonly address: number
  readonly key: number
  readonly segment: number
  readonly queue: string
  /** What was touched since the last question. */
  touched(): Promise<readonly string[]>
  end(): Promise<void>
}

interface Needs {
  readonly name: string
  readonly token: string
  readonly ws: string
  readonly secret: string
}

export async function startWitness(runner: Runner, { name, token, ws, secret }: Needs): Promise<Witness> {
  const words = ['witness', `dir=${ws}`, `name=${name}`, `token=${token}`, `secret=${secret}`]
  const child = runner.spawn(attacksBinary(runner), words, { stdio: ['pipe', 'pipe', 'inherit'] })
  const stdin = child.stdin as Writable
  const ended = once(child, 'exit')
  return witnessOver({
    lines: createInterface({ input: child.stdout as Readable }),
    ask: () => void stdin.write('?\n'),
    async end() {
      stdin.end()
      await ended
    },
  })
}

/** One that was started somewhere, by its streams. */
export async function witnessOver(speaking: {
  readonly lines: Interface
  readonly ask: () => void
  readonly end: () => Promise<void>
}): Promise<Witness> {
  const lines = speaking.lines[Symbol.asyncIterator]()
  const line = async (): Promise<unknown> => {
    const next = await lines.next()
    if (next.done === true) throw new Error('the witness is gone')
    return JSON.parse(next.value)
  }
  const ready = (await line()) as Omit<Witness, 'touched' | 'end'>
  return {
    ...ready,
    async touched() {
      speaking.ask()
      return ((await line()) as { touched: string[] }).touched
    },
    end: speaking.end,
  }
}
