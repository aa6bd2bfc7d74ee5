import { setImmediate } from 'node:timers/promises'
import type { Inside } from '../../../src/inside/client.ts'
import { startProgram } from '../../../src/inside/program.ts'
import type { TerminalSize } from '../../../src/protocol/inside/v1.ts'
import type { Sandbox } from './ground.ts'

/** A program that the host starts in a running sandbox: what it says on stdout; what it had said, where the sandbox ended first. */
export async function runInside(
  { connection }: Inside,
  words: readonly string[],
  terminal?: TerminalSize,
): Promise<string> {
  const said: Buffer[] = []
  const start = {
    argv: words.map((word) => Buffer.from(word)),
    environment: [],
    environmentOnly: false,
    directory: undefined,
    terminal,
  }
  // One that is killed at its birth, or with its sandbox, has no end to tell of.
  const program = await startProgram(connection, start, (stream, bytes) => {
    if (stream === 'stdout') said.push(Buffer.from(bytes))
  }).catch(() => undefined)
  await program?.ended.catch(() => undefined)
  return Buffer.concat(said).toString('utf8')
}

/** Starts a program again and again, for as long as the sandbox is there. */
export async function visit(sandbox: Sandbox, words: readonly string[]): Promise<void> {
  const inside = await sandbox.enter()
  const ended = inside.connection.closed.then(() => true)
  const round = async (): Promise<boolean> => {
    await runInside(inside, words)
    // A call that fails at once would keep the end of its connection from being heard of.
    await setImmediate()
    return false
  }
  while (!(await Promise.race([ended, round()])));
}

/** A script in the image's, or the host's, shell. */
export const script = (text: string): string[] => ['/usr/bin/sh', '-c', text]

/** Behind the words of attacks: what they have done can be looked at, until the sandbox is told to end. */
export const stay: readonly string[] = ['--', 'stay', 'ws=/tmp', 'seconds=60']
/** Says so when they have been made. */
export const untilStaying: readonly string[] = script('until test -e /tmp/staying; do sleep 0.05; done; echo staying')
