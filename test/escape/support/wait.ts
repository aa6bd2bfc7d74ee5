import { existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

/** Until the sandbox has made this file; fails after a time that no start needs. */
export async function appeared(file: string): Promise<void> {
  await until(() => existsSync(file), `${file} did not appear`)
}

export async function until(condition: () => boolean, complaint: string, milliseconds = 10_000): Promise<void> {
  const end = performance.now() + milliseconds
  while (!condition()) {
    if (performance.now() > end) throw new Error(complaint)
    await setTimeout(2)
  }
}
