import { GloveboxError, exitCodes, messageOf } from '../errors.ts'
import { untrusted } from './untrusted.ts'
import type { Style } from './style.ts'

/** What a command that failed says on stderr, and what it exits with. */
export function renderFailure(
  error: unknown,
  options: { json: boolean; style: Style },
): { text: string; exitCode: number } {
  if (isInterrupted(error)) return { text: '', exitCode: error.exitCode }
  // The line of the question is left; 128 and SIGINT, as a shell says it.
  if (hasLeftQuestion(error)) return { text: '\n', exitCode: 130 }
  const known = knownAs(error)
  if (options.json) {
    const body = { code: known.code, message: known.message, ...(known.fix !== undefined && { fix: known.fix }) }
    return { text: `${JSON.stringify({ schema: 'glovebox/error/1', error: body })}\n`, exitCode: known.exitCode }
  }
  const lines = [`${options.style.bad('glovebox:')} ${safe(known.message)}`]
  if (known.fix !== undefined) lines.push(`  ${options.style.dim('fix:')} ${safe(known.fix)}`)
  if (known.code === 'INTERNAL' && error instanceof Error && error !== known)
    lines.push(options.style.dim(error.stack ?? ''))
  return { text: `${lines.join('\n')}\n`, exitCode: known.exitCode ?? exitCodes.failed }
}

function knownAs(error: unknown): GloveboxError {
  if (error instanceof GloveboxError) return error
  if (error instanceof Error && 'syscall' in error && error.syscall === 'uv_cwd') {
    return new GloveboxError('USAGE', 'the working directory is not there any more', {
      fix: 'cd to one that is',
      cause: error,
    })
  }
  const refused = refusedPath(error)
  if (refused === undefined) return new GloveboxError('INTERNAL', messageOf(error), { cause: error })
  return new GloveboxError('FAILED', messageOf(error), {
    fix: `check ${refused}, its permissions and its disk; GLOVEBOX_HOME and TMPDIR name other places`,
    cause: error,
  })
}

/** The path of what the system refused: a fault of the machine, which no trace of ours helps with. */
function refusedPath(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('path' in error)) return undefined
  return typeof error.path === 'string' ? error.path : undefined
}

/** Told apart by its name: a start does not load the module for it. Who ended us knows why. */
function isInterrupted(error: unknown): error is Error & { readonly exitCode: number } {
  return error instanceof Error && error.name === 'Interrupted' && 'exitCode' in error
}

/** Ctrl-C or Ctrl-D where somebody was asked (lib/internal/readline/interface.js, `_ttyWrite`). */
function hasLeftQuestion(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError' && /^Aborted with Ctrl\+[CD]$/.test(error.message)
}

/** Names out of a project's files and of a sandbox are in messages; line breaks are ours. */
function safe(text: string): string {
  return text.split('\n').map(untrusted).join('\n')
}
