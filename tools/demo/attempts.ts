import { existsSync, rmSync } from 'node:fs'
import path from 'node:path'
import { run, type Ran } from './programs.ts'
import type { Scene } from './scene.ts'

/** Something that a server must not be able to do, tried by a real program: bare, where it succeeds, and in the sandbox. */
export interface Attempt {
  readonly what: string
  readonly flags: readonly string[]
  readonly command: readonly string[]
  /** What the program says when it has got what it wanted. */
  readonly prize: RegExp
}

export interface Tried {
  readonly attempt: Attempt
  readonly bare: Ran
  readonly walled: Ran
  /** `open`: the sandbox did not stop it. `unproved`: it does not even succeed bare, or was not tried. */
  readonly verdict: 'held' | 'open' | 'unproved' | 'cannot'
}

export function attempts(scene: Scene): Attempt[] {
  const node = (script: string): string[] => [process.execPath, '-e', script]
  return [
    {
      what: 'read a file outside, past the server',
      flags: ['--read', scene.notes],
      command: ['cat', scene.diary],
      prize: /Dear diary/,
    },
    { what: 'read ~/.ssh', flags: ['--read', scene.notes], command: ['cat', scene.key], prize: /a key of the demo/ },
    {
      what: 'write where it may only read',
      flags: ['--read', scene.notes],
      command: ['touch', '-c', '-d', '2001-01-01', `${scene.notes}/groceries.txt`],
      prize: /^$/,
    },
    {
      what: 'open a connection',
      flags: [],
      command: node(
        `require('net').connect(${scene.port}, '127.0.0.1').on('connect', () => console.log('connected')).on('error', (e) => console.error(e.code)).resume()`,
      ),
      prize: /connected/,
    },
    { what: 'use 300 MB of 128 MB', flags: ['--memory', '128M'], command: node(fill(300)), prize: /300 MB in use/ },
  ]
}

/** The same with the limit that holds when nobody wrote one down, for hosts that cannot hold a written one. */
export const defaultMemory: Attempt = {
  what: 'use 900 MB of the default 512 MB',
  flags: [],
  command: [process.execPath, '-e', fill(900)],
  prize: /900 MB in use/,
}

/** Buffers are memory outside the JavaScript heap, so that it is the sandbox that ends this and not V8's own limit. */
function fill(megabytes: number): string {
  return `const a = []; for (let i = 0; i < ${megabytes}; i++) a.push(Buffer.alloc(1 << 20, 1)); console.log(a.length + ' MB in use')`
}

/** Bare first, which has to succeed: an attempt that fails anyway would show nothing. */
export async function tryIt(attempt: Attempt, env: NodeJS.ProcessEnv, scene: Scene): Promise<Tried> {
  const bare = await run(attempt.command, { env })
  const receipt = path.join(scene.directory, 'attempt-receipt.json')
  rmSync(receipt, { force: true })
  const walled = await run(
    [...scene.glovebox, 'exec', '--receipt', receipt, ...attempt.flags, '--', ...attempt.command],
    {
      env,
    },
  )
  return { attempt, bare, walled, verdict: judge(attempt, bare, walled, existsSync(receipt)) }
}

/** Without a receipt nothing was started: for want of a limit that was written down (3), or by a mistake of ours. */
function judge({ prize, flags }: Attempt, bare: Ran, walled: Ran, started: boolean): Tried['verdict'] {
  const got = (ran: Ran): boolean => ran.code === 0 && prize.test(ran.stdout)
  if (!got(bare)) return 'unproved'
  if (!started) return walled.code === 3 && flags.includes('--memory') ? 'cannot' : 'unproved'
  return got(walled) ? 'open' : 'held'
}
