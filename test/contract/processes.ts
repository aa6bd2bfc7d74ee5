import { randomInt } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { eventually } from '../support/eventually.ts'

/** A number of seconds for `sleep` that no other process has in its command line. */
export function ownMarker(): string {
  return `${randomInt(100_000, 999_999)}.${randomInt(100_000, 999_999)}`
}

/** Pids of this host's processes that have a text in their command line. */
export function pidsWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && commandLine(name).includes(text))
    .map(Number)
}

/** Resolves with the pids once there is one; the test's time limit ends a wait in vain. */
export async function hasProcess(text: string): Promise<number[]> {
  return eventually(() => {
    const pids = pidsWith(text)
    return pids.length > 0 ? pids : undefined
  })
}

export async function hasNoProcess(text: string): Promise<void> {
  await eventually(() => (gone(text) ? true : undefined))
}

export function gone(text: string): boolean {
  return pidsWith(text).length === 0
}

/** Whether a process of this host runs no more. */
export function hasEnded(pid: number): boolean {
  return commandLine(String(pid)) === ''
}

/** Empty for one that is gone, or a zombie. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return ''
    throw error
  }
}
