import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'

/**
 * Starts a program that outlives us: a session of its own (setsid(2)), `/` as its directory, this environment and no more, its
 * output at the end of a file. Of our descriptors it inherits none (Node marks all that it was given close-on-exec), but it
 * gets a pipe as descriptor 3, on which it says how its start went; what it said is returned when it has closed that.
 * @throws the system's error when it cannot be started
 */
export async function spawnDetached(
  file: string,
  args: readonly string[],
  { env, output, signal }: { env: NodeJS.ProcessEnv; output: number; signal?: AbortSignal },
): Promise<string> {
  const child = spawn(file, args, {
    cwd: '/',
    env,
    detached: true,
    shell: false,
    stdio: ['ignore', output, output, 'pipe'],
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  child.unref()
  const pipe = child.stdio[3] as Readable
  let said = ''
  const abort = (): void => void pipe.destroy()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    for await (const chunk of pipe) said += String(chunk)
  } finally {
    signal?.removeEventListener('abort', abort)
    pipe.destroy()
  }
  return said
}
