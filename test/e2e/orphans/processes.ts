import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface Process {
  readonly pid: number
  readonly parent: number
  /** As the kernel has it, at most 15 bytes (proc(5)). */
  readonly name: string
  /** What it runs; empty for one that we may not ask. */
  readonly file: string
  /** Arguments, joined by spaces. */
  readonly command: string
}

/** Who is who in a round, by the role that it plays. */
export const roles = ['client', 'glovebox', 'launcher', 'init', 'server', 'child'] as const
export type Role = (typeof roles)[number]

/**
 * All processes of this host that bear the marker: among their arguments, or as the file that they run.
 * The sandbox's pid 1 wipes its arguments, and only root may ask what file it runs: who may not, knows it by its parent.
 */
export function marked(marker: string): Process[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => read(Number(name)) ?? [])
  const bearers = all.filter(({ command, file }) => command.includes(marker) || file.includes(marker))
  const launchers = new Set(bearers.filter(isInside).map(({ pid }) => pid))
  return [...bearers, ...all.filter((process) => !bearers.includes(process) && launchers.has(process.parent))]
}

function isInside({ name }: Process): boolean {
  return name === 'glovebox-inside'
}

/** The one that plays a role now. */
export function inRole(processes: readonly Process[], role: Role): Process | undefined {
  const insides = new Set(processes.filter(isInside).map(({ pid }) => pid))
  return processes.find((process) => {
    switch (role) {
      case 'client':
        return process.command.includes('client.ts')
      case 'glovebox':
        return process.command.includes('glovebox.cjs')
      case 'launcher':
        return isInside(process) && !insides.has(process.parent)
      case 'init':
        return isInside(process) && insides.has(process.parent)
      case 'server':
        return process.command.includes('server.sh') && insides.has(process.parent)
      default:
        return process.command.startsWith('sleep ')
    }
  })
}

/** `undefined` for one that has ended, or is only waited for. */
function read(pid: number): Process | undefined {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')
    // The name, in parentheses, may have spaces and parentheses; the parent's pid is the second field after it (proc(5)).
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const end = stat.lastIndexOf(')')
    const [state, parent] = stat.slice(end + 2).split(' ')
    if (state === 'Z' || state === 'X') return undefined
    return { pid, parent: Number(parent), name: stat.slice(stat.indexOf('(') + 1, end), file: fileOf(pid), command }
  } catch (error) {
    if (hasCode(error, ['ENOENT', 'ESRCH'])) return undefined
    throw error
  }
}

function fileOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`)
  } catch (error) {
    if (hasCode(error, ['EACCES', 'EPERM', 'ENOENT', 'ESRCH'])) return ''
    throw error
  }
}

function hasCode(error: unknown, codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
