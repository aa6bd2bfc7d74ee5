import { readdirSync, readFileSync } from 'node:fs'

export interface Process {
  readonly pid: number
  readonly parent: number
  /** Arguments, joined by spaces. */
  readonly command: string
}

/** Who is who in a round, by the role that it plays. */
export const roles = ['client', 'glovebox', 'launcher', 'init', 'server', 'child'] as const
export type Role = (typeof roles)[number]

/** All processes of this host that have the marker among their arguments: each of ours in a round has it. */
export function marked(marker: string): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => read(Number(name)) ?? [])
    .filter(({ command }) => command.includes(marker))
}

/** The one that plays a role now; a marker names the launcher's own path, its arguments and those of all below it. */
export function inRole(processes: readonly Process[], role: Role): Process | undefined {
  const isInside = ({ command }: Process): boolean => command.includes('/glovebox-inside')
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
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    return { pid, parent, command }
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined
    throw error
  }
}
