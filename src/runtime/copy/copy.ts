import { isatty } from 'node:tty'
import { GloveboxError } from '../../errors.ts'
import { tarOut } from '../../inside/files.ts'
import type { Connection } from '../../inside/connection.ts'
import { Interrupted } from '../interrupted.ts'
import { enter } from '../running/entry.ts'
import { requireRunning } from '../running/require.ts'
import { sinkTo } from '../../system/output.ts'
import { onEndingSignals } from '../signals.ts'
import { copyArchiveIn, copyIn } from './copy-in.ts'
import { copyOut, type Copied, type CopyOptions } from './copy-out.ts'
import { formOf, parseEndpoint, type Endpoint } from './endpoint.ts'

/**
 * `cp`: one side is in a sandbox. Returns the exit code: 1 when something had to be left out.
 * @throws GloveboxError; USAGE when both sides or none are in a sandbox
 */
export async function copyBetween(
  source: string,
  destination: string,
  onBytes: (bytes: number) => void,
): Promise<{ code: number; copied: Copied }> {
  const [from, to] = [parseEndpoint(source), parseEndpoint(destination)]
  const sandbox = theSandbox(from, to)
  const running = await requireRunning(sandbox.name, process.env)
  const interrupted = new AbortController()
  const release = onEndingSignals((signal) => interrupted.abort(new Interrupted(signal)))
  let copied: Copied = { bytes: 0, leftOut: [] }
  const kind = from === sandbox ? 'copy-out' : 'copy-in'
  try {
    const code = await enter(running, { kind, command: ['cp', source, destination] }, async ({ connection }) => {
      copied = await work(connection, from, to, { onBytes, signal: interrupted.signal })
      return copied.leftOut.length === 0
        ? { code: 0, how: 'copied' }
        : { code: 1, how: 'copied, with something left out' }
    })
    return { code, copied }
  } catch (error) {
    if (error instanceof Interrupted) return { code: error.exitCode, copied }
    throw error
  } finally {
    release()
  }
}

type InSandbox = Extract<Endpoint, { readonly kind: 'sandbox' }>

function theSandbox(from: Endpoint, to: Endpoint): InSandbox {
  if (from.kind === 'sandbox' && to.kind !== 'sandbox') return from
  if (to.kind === 'sandbox' && from.kind !== 'sandbox') return to
  if (from.kind === 'sandbox') {
    throw new GloveboxError('USAGE', 'both sides are in a sandbox', { fix: 'copy to this machine, and from there' })
  }
  throw new GloveboxError('USAGE', 'neither side is in a sandbox', { fix: 'write NAME:PATH for the one that is' })
}

async function work(connection: Connection, from: Endpoint, to: Endpoint, options: CopyOptions): Promise<Copied> {
  if (from.kind === 'sandbox') {
    return to.kind === 'host'
      ? copyOut(connection, from.path, to.path, options)
      : archiveToStdout(connection, from.path, options)
  }
  if (to.kind !== 'sandbox') throw new GloveboxError('INTERNAL', 'a copy that leads nowhere')
  if (from.kind === 'host') return copyIn(connection, from.path, to.path, options)
  if (isatty(0)) throw new GloveboxError('USAGE', '- is an archive on stdin, and stdin is a terminal')
  const { signal } = options
  // Whoever writes the archive may never end it.
  signal.addEventListener('abort', () => process.stdin.destroy(), { once: true })
  return copyArchiveIn(connection, process.stdin as AsyncIterable<Buffer>, to.path, options)
}

async function archiveToStdout(
  connection: Connection,
  path: string,
  { onBytes, signal }: CopyOptions,
): Promise<Copied> {
  if (isatty(1)) {
    throw new GloveboxError('USAGE', '- is an archive on stdout, and stdout is a terminal', { fix: 'pipe it into tar' })
  }
  const form = formOf(path)
  const archive = tarOut(connection, path, { follow: form.slash || form.contents })
  const stop = (): void => archive.cancel()
  signal.addEventListener('abort', stop, { once: true })
  const sink = sinkTo(1)
  let bytes = 0
  try {
    for await (const chunk of archive.chunks) {
      if (!(await sink.write(chunk))) break // whoever read it has read enough
      onBytes((bytes += chunk.length))
    }
    signal.throwIfAborted()
    await sink.finish()
    return { bytes, leftOut: archive.leftOut() }
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  }
}
