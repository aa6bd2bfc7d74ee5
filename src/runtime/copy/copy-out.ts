import { randomBytes } from 'node:crypto'
import { statSync, type Stats } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { GloveboxError, messageOf } from '../../errors.ts'
import { statInside, tarOut } from '../../inside/files.ts'
import type { Connection } from '../../inside/connection.ts'
import { lost } from '../../inside/failure.ts'
import { createTarReader } from '../../inside/tar/reader.ts'
import type { FileInfo } from '../../protocol/inside/v1.ts'
import { openDirectory, withoutDescriptors, type Directory } from '../../system/directory.ts'
import { processState } from '../../system/process-state.ts'
import { untrusted } from '../../ui/untrusted.ts'
import { formOf } from './endpoint.ts'
import { publish } from './publish.ts'
import { topName, unpackInto } from './unpack.ts'

/** What a copy came to. Paths that were left out are untrusted text. */
export interface Copied {
  readonly bytes: number
  readonly leftOut: readonly string[]
}

export interface CopyOptions {
  readonly onBytes: (bytes: number) => void
  readonly signal: AbortSignal
}

/**
 * Copies out of a sandbox. It is unpacked beside where it goes, in a directory of ours, and moved to its name when all of it
 * has come: nothing half-written has the name that was asked for, and what is there stays until then.
 * @throws GloveboxError; nothing is left behind then
 */
export async function copyOut(
  connection: Connection,
  from: string,
  to: string,
  { onBytes, signal }: CopyOptions,
): Promise<Copied> {
  const form = formOf(from)
  const follow = form.slash || form.contents
  const source = await statInside(connection, from, { follow })
  if (source === undefined) {
    const fix = 'check the path: it is one of the sandbox, from its top'
    throw new GloveboxError('FAILED', `the sandbox has no ${from}`, { fix })
  }
  const goal = goalOf(source, from, to)
  const parent = openParent(goal.parent)
  try {
    reap(parent)
    const { stage, name } = makeStage(parent)
    let bytes = 0
    const unpacked = unpackInto(stage, (more) => onBytes((bytes += more)))
    const archive = tarOut(connection, from, { follow })
    const interrupt = (): void => archive.cancel()
    signal.addEventListener('abort', interrupt, { once: true })
    try {
      await readArchive(archive.chunks, unpacked.sink)
      signal.throwIfAborted()
      unpacked.settle()
      if (unpacked.kind() !== undefined) place(stage, parent, goal)
      return { bytes, leftOut: [...archive.leftOut(), ...unpacked.leftOut] }
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    } finally {
      signal.removeEventListener('abort', interrupt)
      archive.cancel()
      unpacked.close()
      stage.close()
      parent.remove(name)
    }
  } finally {
    parent.close()
  }
}

async function readArchive(chunks: AsyncIterable<Buffer>, sink: Parameters<typeof createTarReader>[0]): Promise<void> {
  const reader = createTarReader(sink)
  for await (const chunk of chunks) {
    await reader.push(chunk).catch((error: unknown) => {
      throw refused(error)
    })
  }
  try {
    reader.finish()
  } catch (error) {
    throw refused(error)
  }
}

/** What the archive says is wrong, or what this host said to it. */
function refused(error: unknown): Error {
  if (error instanceof GloveboxError) return error
  if (error instanceof Error && 'syscall' in error) {
    return new GloveboxError('FAILED', withoutDescriptors(messageOf(error)), { cause: error })
  }
  return lost(`it sent ${messageOf(error)}`, error)
}

/** Where it goes: into a directory, under a name. */
interface Goal {
  readonly parent: string
  /** Undefined: the contents go into `parent` itself. */
  readonly name: string | undefined
}

function goalOf(source: FileInfo, from: string, to: string): Goal {
  const { base, contents } = formOf(from)
  const there = statHere(to)
  const isDirectory = source.kind === 'directory'
  if (there?.isDirectory() === true) {
    if (isDirectory && contents) return { parent: to, name: undefined }
    if (base === '')
      throw new GloveboxError('USAGE', `${from} has no name to copy it under`, { fix: `write ${from}/.` })
    return { parent: to, name: base }
  }
  if (there !== undefined && isDirectory) {
    throw new GloveboxError('FAILED', `${to} is no directory, and ${from} is one`, { fix: 'name a directory' })
  }
  if (to.endsWith('/') && !isDirectory) {
    throw new GloveboxError('FAILED', `there is no directory ${to}`, { fix: `mkdir -p ${to}` })
  }
  const path = resolve(to)
  return { parent: dirname(path), name: basename(path) }
}

function statHere(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false })
}

function openParent(path: string): Directory {
  try {
    return openDirectory(path)
  } catch (cause) {
    throw new GloveboxError('FAILED', `${path}: ${messageOf(cause)}`, { cause, fix: 'name a directory that is there' })
  }
}

function place(stage: Directory, parent: Directory, { name }: Goal): void {
  if (name !== undefined) return publish(stage, topName, parent, Buffer.from(name))
  const contents = stage.child(topName)
  try {
    for (const each of contents.list()) publish(contents, each, parent, each)
  } finally {
    contents.close()
  }
}

const stagePrefix = '.glovebox-cp-'

/** The process that it belongs to is in its name, so that what a killed one left can be told. */
function makeStage(parent: Directory): { stage: Directory; name: Buffer } {
  const name = Buffer.from(`${stagePrefix}${process.pid}-${randomBytes(8).toString('hex')}`)
  try {
    return { stage: parent.make(name), name }
  } catch (cause) {
    throw new GloveboxError('FAILED', `nothing can be made there: ${messageOf(cause).split(',')[0]}`, { cause })
  }
}

/**
 * Takes away what a `cp` that was killed has left in this directory. A sandbox that may write there can make what looks
 * like it, and cannot be removed: that is told, and keeps nobody from copying.
 */
function reap(parent: Directory): void {
  for (const name of parent.list()) {
    const [, pid] = /^\.glovebox-cp-(\d{1,10})-[0-9a-f]{16}$/.exec(name.toString('latin1')) ?? []
    if (pid === undefined || processState(Number(pid)) !== undefined) continue
    if (parent.stat(name)?.uid !== process.getuid?.()) continue
    try {
      parent.remove(name)
    } catch (error) {
      process.stderr.write(`glovebox: ${name.toString('latin1')} stays: ${untrusted(messageOf(error))}\n`)
    }
  }
}
