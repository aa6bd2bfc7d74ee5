import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Duplex } from 'node:stream'
import { openInside, type Inside } from '../../../src/inside/client.ts'
import type { JailPlan } from '../../../src/protocol/jail-plan.ts'
import { connectUnix } from '../../../src/system/connect-unix.ts'
import { runOutside } from './control.ts'
import { mustHaveRun, planFor, runJail, type JailRun } from './jail.ts'
import type { Place } from './place.ts'
import { appeared } from './wait.ts'

/** A running sandbox, as its owner has it. */
export interface Sandbox {
  /** Of its channel, where the host sees it. */
  readonly socket: string
  /** By its channel. */
  enter(): Promise<Inside>
  /** Tells its program to end. */
  end(): void
}

/** Where sandboxes are started and attacked, and who stands outside of them: on this host, or in a guest (guest/ground.ts). */
export interface Ground {
  readonly place: Place
  /** For the control runs. */
  readonly other: Place
  /** A processor that is emulated needs more time for as many tries. */
  readonly seconds: number
  /** With a channel, where something is done meanwhile. */
  run(words: readonly string[], options?: GroundOptions): Promise<JailRun>
  /** The workspace, and what a script says, for who stands outside. */
  readonly workspace: string
  readonly shell: (text: string) => Promise<string>
  /** What the attacking program says when it runs outside, on a terminal of its own or on none. */
  outside(words: readonly string[], onTerminal?: boolean): Promise<string>
  /** On the owner's terminal, or with one of its own in between; what was pushed into the owner's is told by who stands outside. */
  onTerminal(words: readonly string[], own: boolean): Promise<{ readonly run: JailRun; readonly pushed: number }>
}

export interface GroundOptions {
  readonly plan?: Partial<JailPlan>
  readonly meanwhile?: (sandbox: Sandbox) => Promise<void>
}

export function jailGround(place: Place, other: Place): Ground {
  return {
    place,
    other,
    seconds: 10,
    workspace: place.ws,
    shell: async (script) => execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }),
    async run(words, { plan, meanwhile } = {}) {
      if (meanwhile === undefined) return runJail(place, words, { plan: { ...plan }, cwd: place.base })
      const socket = doorOf(place)
      return runJail(place, words, {
        plan: { ...plan, channel: { socket } },
        meanwhile: async (pid) =>
          meanwhile({
            socket,
            async enter() {
              await appeared(socket)
              return enterBy(async () => connectUnix(socket))
            },
            end: () => void process.kill(pid, 'SIGTERM'),
          }),
      })
    },
    outside: async (words, onTerminal = false) =>
      runOutside(other, words, onTerminal ? [other.attacks, 'terminal'] : []),
    async onTerminal(words, own) {
      const command = { ...planFor(place, words).command, terminal: own }
      const through = [place.attacks, 'terminal']
      const run = mustHaveRun(await runJail(place, words, { plan: { command }, through }))
      return { run, pushed: pushedIn(run.stdout) }
    },
  }
}

/** The path of a channel's socket, in a directory that only the runner enters. */
function doorOf({ base, runner }: Place): string {
  const directory = path.join(base, 'channel')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  chownSync(directory, runner.uid, runner.gid)
  return path.join(directory, 's')
}

/** The socket's name is there a moment before anybody listens; and one who serves may be gone a moment before the next one does. */
export async function enterBy(connect: () => Promise<Duplex>): Promise<Inside> {
  let refused: unknown
  for (const end = performance.now() + 20_000; performance.now() < end; await setTimeout(5)) {
    try {
      return await openInside(await connect())
    } catch (error) {
      refused = error
    }
  }
  throw refused
}

/** Of the last line that the attacking program says as `terminal`, and of `typed`. */
export function pushedIn(output: string): number {
  const line = output.split('\n').find((text) => text.startsWith('{"terminal"'))
  if (line === undefined) throw new Error(`the terminal said nothing: ${JSON.stringify(output.slice(-500))}`)
  return (JSON.parse(line) as { terminal: { pushed: number } }).terminal.pushed
}
