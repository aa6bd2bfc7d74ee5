import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import path from 'node:path'
import type { Runner } from '../as-user.ts'
import type { Zone } from './resolver.ts'

/** A host of the suite's own: every address is its, somebody listens on it, and what passes is seen. */
export interface World {
  /** The words that start a program there, as this runner. */
  within(runner: Runner, program: string, args: readonly string[]): [string, ...string[]]
  /** What passed since the last question. */
  passed(): Promise<readonly Flow[]>
  /** Begins a question: what passed before, seen or not, is no part of it. A flood is more than can be looked at. */
  forget(): Promise<void>
  end(): Promise<void>
}

/** All that went to one port of one address. */
export interface Flow {
  /** Of IP: 6 is TCP, 17 UDP. */
  readonly protocol: number
  readonly to: string
  readonly port: number
  readonly packets: number
  readonly bytes: number
  /** The suite's own words in it, `gbx-…`. */
  readonly tokens: readonly string[]
  /** What resolvers were asked for. */
  readonly names: readonly string[]
}

export async function startWorld(
  attacks: string,
  zone: Zone,
  { open = false }: { readonly open?: boolean } = {},
): Promise<World> {
  const child = spawn(attacks, ['world'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<unknown> => {
    const next = await lines.next()
    if (next.done === true) throw new Error('there is no namespace of networks to be had, or it is gone')
    return JSON.parse(next.value)
  }
  const { pid } = (await line()) as { pid: number }
  const within = (uid: number, gid: number, words: readonly string[]): [string, ...string[]] => [
    attacks,
    'within',
    `${pid}`,
    `${uid}`,
    `${gid}`,
    ...words,
  ]
  const own = [process.getuid?.() ?? 0, process.getgid?.() ?? 0] as const
  const [program, ...words] = within(...own, [process.execPath, path.join(import.meta.dirname, 'servers.ts')])
  const servers = spawn(program, words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  servers.send({ zone, open })
  await once(servers, 'message')
  const ask = async (): Promise<{ readonly lost: number; readonly flows: readonly Flow[] }> => {
    child.stdin.write('\n')
    return (await line()) as { lost: number; flows: Flow[] }
  }
  return {
    within: ({ uid, gid }, what, args) => within(uid, gid, [what, ...args]),
    async passed() {
      const { lost, flows } = await ask()
      if (lost > 0) throw new Error(`${lost} packets passed unseen`)
      return flows
    },
    async forget() {
      await ask()
    },
    async end() {
      const ended = [once(servers, 'exit'), once(child, 'exit')]
      servers.kill('SIGKILL')
      child.stdin.end()
      await Promise.all(ended)
    },
  }
}
