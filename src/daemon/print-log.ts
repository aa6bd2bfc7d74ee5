import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { GloveboxError } from '../errors.ts'
import { wrongLaunchName } from '../protocol/daemon.ts'
import { meansId } from '../protocol/sandbox-id.ts'
import { sinkTo } from '../system/output.ts'
import { places, type Places } from '../system/places.ts'
import { untrustedLog } from '../ui/untrusted.ts'
import { findOwnDaemon } from './contact.ts'
import { logLines } from './log-lines.ts'

/** As much as the daemon keeps in memory. */
const tailBytes = 256 * 1024

/** The log of a launched server on our stdout, as it was written or a JSON object a line; of one that has ended, out of its file. */
export async function printLog(
  name: string,
  { follow, json, signal }: { follow: boolean; json: boolean; signal: AbortSignal },
): Promise<void> {
  const print = (chunks: AsyncIterable<Buffer>): Promise<void> => write(json ? asJson(name, chunks) : shown(chunks))
  const here = places(process.env)
  const daemon = await findOwnDaemon(here)
  const isLaunched = (await daemon?.list())?.servers.some((server) => server.name === name || meansId(name, server.id))
  if (daemon !== undefined && isLaunched === true) {
    return print(await daemon.log(name, { follow, signal })).catch((error: unknown) => {
      // A stream that we ended ourselves says only that it is broken off.
      signal.throwIfAborted()
      throw error
    })
  }
  const file = logOfEnded(name, here)
  if (file === undefined) {
    throw new GloveboxError('USAGE', `no server "${name}" was launched`, { fix: 'glovebox status shows what runs' })
  }
  return print(tailOf(file))
}

/** The log of a server that was launched once by this name; undefined where there is none. */
export function logOfEnded(name: string, { state }: Places): string | undefined {
  if (wrongLaunchName(name) !== undefined) return undefined
  const file = join(state, 'logs', `${name}.log`)
  return existsSync(file) ? file : undefined
}

async function* shown(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  for await (const chunk of chunks)
    yield process.stdout.isTTY ? Buffer.from(untrustedLog(chunk.toString('utf8'))) : chunk
}

async function* asJson(name: string, chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  for await (const line of logLines(name, chunks)) yield Buffer.from(`${JSON.stringify(line)}\n`)
}

async function write(chunks: AsyncIterable<Buffer>): Promise<void> {
  const out = sinkTo(1)
  for await (const chunk of chunks) if (!(await out.write(chunk))) return
  await out.finish()
}

async function* tailOf(path: string): AsyncIterable<Buffer> {
  await using file = await open(path)
  const { size } = await file.stat()
  for await (const chunk of file.createReadStream({ start: Math.max(0, size - tailBytes) })) yield chunk as Buffer
}
