import { lstatSync, statSync, type Stats } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { posix } from 'node:path'
import { GloveboxError, messageOf } from '../../errors.ts'
import type { Connection } from '../../inside/connection.ts'
import { statInside, tarIn, type TarIn } from '../../inside/files.ts'
import { openDirectory, withoutDescriptors } from '../../system/directory.ts'
import { untrusted } from '../../ui/untrusted.ts'
import type { Copied, CopyOptions } from './copy-out.ts'
import { formOf } from './endpoint.ts'
import { createLeftOut } from './left-out.ts'
import { packContents, packEnd, packOne, type Packing } from './pack.ts'

/**
 * Copies into a sandbox: packed here, unpacked there, where each file appears whole.
 * @throws GloveboxError; a directory that was half copied stays so, with whole files
 */
export async function copyIn(
  connection: Connection,
  from: string,
  to: string,
  { onBytes, signal }: CopyOptions,
): Promise<Copied> {
  const form = formOf(from)
  const source = statSource(from, form.slash || form.contents)
  const goal = await goalOf(connection, source, from, to)
  let bytes = 0
  const leftOut = createLeftOut()
  await intoArchive(connection, goal.directory, signal, async (archive) => {
    const packing: Packing = {
      take: async (block) => archive.write(block),
      onBytes: (more) => onBytes((bytes += more)),
      onLeftOut: (path) => leftOut.add(untrusted(path)),
    }
    await pack(from, goal.name, packing)
    await packEnd(packing)
  })
  return { bytes, leftOut: leftOut.told() }
}

/** An archive as it is, from any stream. */
export async function copyArchiveIn(
  connection: Connection,
  archive: AsyncIterable<Buffer>,
  to: string,
  { onBytes, signal }: CopyOptions,
): Promise<Copied> {
  let bytes = 0
  await intoArchive(connection, to, signal, async (target) => {
    for await (const chunk of archive) {
      // As large as the inside takes in one message, at most.
      for (let at = 0; at < chunk.length; at += messageBytes) await target.write(chunk.subarray(at, at + messageBytes))
      onBytes((bytes += chunk.length))
    }
  })
  return { bytes, leftOut: [] }
}

const messageBytes = 256 * 1024

async function intoArchive(
  connection: Connection,
  directory: string,
  signal: AbortSignal,
  work: (archive: TarIn) => Promise<void>,
): Promise<void> {
  const archive = await tarIn(connection, directory)
  const interrupt = (): void => archive.cancel()
  signal.addEventListener('abort', interrupt, { once: true })
  try {
    await work(archive)
    await archive.finish()
    signal.throwIfAborted()
  } catch (error) {
    archive.cancel()
    throw signal.aborted ? signal.reason : ofThisHost(error)
  } finally {
    signal.removeEventListener('abort', interrupt)
  }
}

function ofThisHost(error: unknown): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error
  return new GloveboxError('FAILED', withoutDescriptors(messageOf(error)), { cause: error })
}

async function pack(from: string, name: string | undefined, packing: Packing): Promise<void> {
  if (name === undefined) {
    const directory = openDirectory(from)
    try {
      return await packContents(directory, Buffer.alloc(0), packing)
    } finally {
      directory.close()
    }
  }
  // `DIR/` and `.` name a directory by where they lead; everything else is a name in its parent.
  const path = resolve(from)
  if (path === '/')
    throw new GloveboxError('USAGE', '/ has no name to copy it under', { fix: 'write /. for what is in it' })
  const parent = openDirectory(dirname(path))
  try {
    const own = Buffer.from(basename(path))
    const isLink = parent.stat(own)?.isSymbolicLink() === true
    if (!isLink || !from.endsWith('/')) return await packOne(parent, own, Buffer.from(name), packing)
  } finally {
    parent.close()
  }
  const followed = openDirectory(path)
  try {
    await packContents(followed, Buffer.from(name), packing)
  } finally {
    followed.close()
  }
}

function statSource(from: string, follow: boolean): Stats {
  const stat = follow ? statSync(from, { throwIfNoEntry: false }) : lstatSync(from, { throwIfNoEntry: false })
  if (stat === undefined) throw new GloveboxError('FAILED', `there is no ${from} on this machine`)
  if (stat.isFile() || stat.isDirectory() || stat.isSymbolicLink()) return stat
  throw new GloveboxError('FAILED', `${from} is no file, directory or link`, {
    fix: 'copy what can be read to its end',
  })
}

interface Goal {
  readonly directory: string
  /** What it is called there; undefined: the contents of the source go into `directory`. */
  readonly name: string | undefined
}

async function goalOf(connection: Connection, source: Stats, from: string, to: string): Promise<Goal> {
  const there = await statInside(connection, to, { follow: true })
  if (there?.kind === 'directory') {
    if (source.isDirectory() && formOf(from).contents) return { directory: to, name: undefined }
    const name = basename(resolve(from))
    await refuseInTheWay(connection, source, posix.join(to, name))
    return { directory: to, name }
  }
  if (there !== undefined && source.isDirectory()) {
    throw new GloveboxError('FAILED', `${to} is no directory in the sandbox, and ${from} is one`)
  }
  if (to.endsWith('/') && !source.isDirectory()) {
    throw new GloveboxError('FAILED', `the sandbox has no directory ${to}`)
  }
  const path = posix.resolve('/', to)
  const directory = posix.dirname(path)
  const parent = await statInside(connection, directory, { follow: true })
  if (parent?.kind !== 'directory') throw new GloveboxError('FAILED', `the sandbox has no directory ${directory}`)
  return { directory, name: posix.basename(path) }
}

async function refuseInTheWay(connection: Connection, source: Stats, path: string): Promise<void> {
  const there = await statInside(connection, path, { follow: false })
  if (there === undefined || (there.kind === 'directory') === source.isDirectory()) return
  const [is, was] = source.isDirectory() ? ['a directory', 'none'] : ['no directory', 'one']
  throw new GloveboxError('FAILED', `${path} is ${was} in the sandbox, and what is copied is ${is}`, {
    fix: 'remove or rename the one that is there, or copy to another name',
  })
}
