import { readFileSync, readdirSync } from 'node:fs'
import type { Place } from './place.ts'

/** What the programs of a place use at a moment, seen from outside. */
export interface Use {
  readonly processes: number
  readonly threads: number
  /** Private and shared anonymous pages; those that several processes share are counted once for each. */
  readonly anonymousBytes: number
}

/** Pids on the host whose command line has this text in it. */
export function pidsWith(text: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name)
    return Number.isInteger(pid) && (read(`/proc/${pid}/cmdline`) ?? '').includes(text) ? [pid] : []
  })
}

export function measure(place: Place): Use {
  const all = pidsWith(`${place.attacks}\0run`).map((pid) => read(`/proc/${pid}/status`) ?? '')
  const sum = (name: string): number => all.reduce((total, status) => total + field(status, name), 0)
  return { processes: all.length, threads: sum('Threads'), anonymousBytes: sum('RssAnon') * 1024 }
}

function field(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
}

/** Processor time of a process so far, that of the kernel for it too (proc_pid_stat(5): fields 14 and 15, in hundredths of a second); 0 of one that is gone. */
export function processorMs(pid: number): number {
  const stat = read(`/proc/${pid}/stat`) ?? ''
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return 10 * (Number(fields[11] ?? 0) + Number(fields[12] ?? 0))
}

/** Of a process that may be gone by now. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES'
}

/** The largest use seen while `run` went on. */
export async function largest(place: Place, run: Promise<unknown>): Promise<Use> {
  let most: Use = { processes: 0, threads: 0, anonymousBytes: 0 }
  const over = new AbortController()
  const ended = run.finally(() => over.abort())
  while (!over.signal.aborted) {
    const now = measure(place)
    most = {
      processes: Math.max(most.processes, now.processes),
      threads: Math.max(most.threads, now.threads),
      anonymousBytes: Math.max(most.anonymousBytes, now.anonymousBytes),
    }
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 10))])
  }
  return most
}
