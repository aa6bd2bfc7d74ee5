import { exitCodes } from '../errors.ts'
import type { Exit } from '../drivers/driver.ts'

/** The exit code that tells how a sandbox ended (design.md, "exit codes"). */
export function exitCodeOf(exit: Exit): number {
  if (exit.timedOut) return exitCodes.timedOut
  return exit.code ?? 128 + (exit.signal ?? 0)
}
