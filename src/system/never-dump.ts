import { readFileSync } from 'node:fs'
import { GloveboxError, messageOf } from '../errors.ts'
import { runCommand } from './run-command.ts'

/**
 * What this process has in memory is in no file when it crashes. A limit of one byte is what stops both kinds of a core dump:
 * a file needs a page, and a program that the kernel hands dumps to (core(5), "Piping core dumps to a program") gets none
 * from a process with exactly this limit. With 0 it gets one, and is told that none is to be kept. Children inherit it.
 * @throws GloveboxError HOST_CANNOT
 */
export async function neverDump(): Promise<void> {
  // Node's own report of a crash has the environment that it was started with.
  process.report.excludeEnv = true
  const { soft, hard } = coreLimit()
  // Nothing but a privilege raises a limit of 0.
  if (soft === '1' || hard === '0') return
  try {
    const { code, stderr } = await runCommand('prlimit', ['--pid', String(process.pid), '--core=1:1'])
    if (code !== 0) throw new Error(stderr.trim())
  } catch (cause) {
    throw new GloveboxError('HOST_CANNOT', `core dumps of this process cannot be switched off: ${messageOf(cause)}`, {
      cause,
      fix: 'install prlimit (util-linux): secrets in memory would otherwise be in a core dump',
    })
  }
}

/** proc_pid_limits(5). */
function coreLimit(): { soft: string | undefined; hard: string | undefined } {
  const [, soft, hard] = /^Max core file size +(\S+) +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  return { soft, hard }
}
