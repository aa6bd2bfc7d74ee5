import { readFileSync } from 'node:fs'

/**
 * Ends a process and all that it started. Each is stopped before its children are looked up, so that it starts no more of
 * them; without /proc only the process itself is ended. What has ended already is no error.
 */
export function killTree(pid: number): void {
  const found = [pid]
  for (const each of found) {
    send(each, 'SIGSTOP')
    found.push(...childrenOf(each))
  }
  for (const each of found) send(each, 'SIGKILL')
}

/** proc_pid_task(5): the children of the main thread, which is where npm and pip start theirs. */
function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  } catch (error) {
    if (hasCode(error, ['ENOENT', 'ESRCH'])) return []
    throw error
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!hasCode(error, ['ESRCH'])) throw error
  }
}

function hasCode(error: unknown, codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
