import { lstatSync, realpathSync, statSync } from 'node:fs'

/** An interpreter that was chosen for a package, with what shows that it is still the same. */
export interface Interpreter {
  /** Absolute; how it is started. */
  readonly path: string
  /** `24.21.0` */
  readonly version: string
  /** What built code is tied to: `node-137-linux-x64-glibc`, `cp312-linux-x86_64-glibc`. */
  readonly abi: string
  /** Change time, size and inode of its real file. */
  readonly stamp: readonly number[]
}

export function stampOf(path: string): number[] {
  const stat = statSync(realpathSync.native(path))
  return [stat.ctimeMs, stat.size, stat.ino]
}

/** Whether it is the file that it was: an upgrade in place is another interpreter. */
export function isUnchanged({ path, stamp }: Interpreter): boolean {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return false
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat !== undefined && stat.ctimeMs === stamp[0] && stat.size === stamp[1] && stat.ino === stamp[2]
}
