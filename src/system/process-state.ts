import { readFileSync } from 'node:fs'

/** A process, told from a later one with the same number by when it began. */
export interface ProcessState {
  /** Clock ticks since boot (field 22 of proc_pid_stat(5)). */
  readonly begun: string
}

/** Undefined where there is no such process any more; one that has ended and was not waited for is none. */
export function processState(pid: number): ProcessState | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined
    throw error
  }
  // The name may have spaces and brackets in it: the fields begin behind its last bracket, with the state.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, begun] = [fields[0], fields[19]]
  return begun === undefined || state === 'Z' || state === 'X' ? undefined : { begun }
}
