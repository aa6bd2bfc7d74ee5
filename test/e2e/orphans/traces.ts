import { globSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import type { Runner } from '../../support/as-user.ts'

/** What a sandbox could leave on a host besides processes. */
export interface Traces {
  readonly mounts: readonly string[]
  readonly files: readonly string[]
  readonly cgroups: readonly string[]
}

export function tracesOn(runner: Runner): Traces {
  return { mounts: mounts(), files: files(runner), cgroups: staleCgroups(runner) }
}

/** What is there now and was not there before. */
export function newTraces(runner: Runner, before: Traces): Traces {
  const now = tracesOn(runner)
  const added = (kind: keyof Traces): string[] => now[kind].filter((trace) => !before[kind].includes(trace))
  return { mounts: added('mounts'), files: added('files'), cgroups: added('cgroups') }
}

function mounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n').toSorted()
}

/** Temporary places: the runner's own, which nobody else writes to, and what is named by the id of a sandbox in those of all. */
function files(runner: Runner): string[] {
  const own = [runner.tmp, runner.env['XDG_RUNTIME_DIR'] ?? ''].flatMap((directory) =>
    readdirSync(directory)
      .filter((name) => name !== 'launchers')
      .map((name) => path.join(directory, name)),
  )
  // What running sandboxes say about themselves: each in a directory of its own, gone with it.
  const registered = globSync(path.join(runner.env['XDG_RUNTIME_DIR'] ?? '', 'glovebox/sandboxes-*/*'))
  const shared = ['/tmp', '/dev/shm', '/var/tmp', '/run'].flatMap((directory) =>
    globSync(path.join(directory, 'gbx-*')),
  )
  return [...own, ...registered, ...shared].toSorted()
}

/** Groups `glovebox-PID-STARTTIME-…` of this runner's whose launcher is not there any more; each user's next start removes their own. */
function staleCgroups(runner: Runner): string[] {
  return globSync('/sys/fs/cgroup/**/glovebox-*-*').filter((group) => {
    const [, pid = '', start = ''] = /glovebox-(\d+)-(\d+)[^/]*$/.exec(group) ?? []
    if (pid === '' || startTimeOf(pid) === start) return false
    return statSync(group, { throwIfNoEntry: false })?.uid === runner.uid
  })
}

/** Field 22 of stat (proc(5)): with the pid it names one process for as long as the host runs. */
function startTimeOf(pid: string): string | undefined {
  const stat = statOf(pid)
  return stat === undefined ? undefined : stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

/** Undefined for a process that is gone, also when it goes between the opening and the reading (ESRCH). */
function statOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined
    throw error
  }
}
