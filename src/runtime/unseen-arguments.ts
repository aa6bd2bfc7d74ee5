import { resolve } from 'node:path'
import { isWithin } from '../policy/paths.ts'
import type { Plan } from '../policy/plan.ts'
import { inspectPath } from './inspect/paths.ts'

/**
 * Arguments that name something on this host, which the sandbox does not have: why a program may have failed. Words that are spelled as
 * directories are an error before anything starts; other words can be anything, and only a failure says that they were names of files.
 * @param cwd where they were written
 */
export function unseenArguments({ command, mounts }: Pick<Plan, 'command' | 'mounts'>, cwd: string): string[] {
  const isThere = (path: string): boolean => mounts.some(({ target }) => isWithin(path, target))
  return [...new Set(command.argv.slice(1))].filter((argument) => {
    if (argument === '' || argument.startsWith('-')) return false
    const isElsewhere = !argument.startsWith('/') && command.cwd !== cwd
    return (isElsewhere || !isThere(resolve(cwd, argument))) && inspectPath(argument, cwd).kind !== 'missing'
  })
}
