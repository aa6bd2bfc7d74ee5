import { glovebox, run, type Ran } from './programs.ts'
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

export async function tryIt(attempt: Attempt, env: NodeJS.ProcessEnv): Promise<Tried> {
  const bare = await run(attempt.command, { env })
  const walled = await run([...glovebox, 'exec', ...attempt.flags, '--', ...attempt.command], { env })
  return { attempt, bare, walled, verdict: judge(attempt, bare, walled) }
}

/** 3 where a written limit was asked for: this host cannot hold it for this user, and nothing was started. */
function judge({ prize, flags }: Attempt, bare: Ran, walled: Ran): Tried['verdict'] {
  const got = (ran: Ran): boolean => ran.code === 0 && prize.test(ran.stdout)
  if (!got(bare)) return 'unproved'
  if (got(walled)) return 'open'
  if (walled.code === 3) return flags.includes('--memory') ? 'cannot' : 'unproved'
  // 2 and 125: our own mistake in asking, or no sandbox; the wall has not been tried.
  return walled.code === 125 || walled.code === 2 ? 'unproved' : 'held'
}
