import { filesCalls, type FileChange, type FileInfo, type UpdateStart } from '../protocol/inside/v1.ts'
import type { Connection } from './connection.ts'
import { lost } from './failure.ts'
import { filePath } from './files.ts'
import type { CallStream } from './stream.ts'

/** What a directory of the sandbox holds: hostile names, in the order that they come. */
export function listInside(
  connection: Connection,
  path: string,
): { entries: AsyncIterator<FileInfo>; cancel: () => void } {
  const stream = connection.open(filesCalls.list)
  stream.sendLast(filePath(path))
  return { entries: stream.messages[Symbol.asyncIterator](), cancel: () => stream.cancel() }
}

export async function changeInside(connection: Connection, path: string, change: FileChange): Promise<void> {
  await connection.unary(filesCalls.change, { file: filePath(path), change })
}

/** Replaces nothing. */
export async function renameInside(connection: Connection, from: string, to: string): Promise<void> {
  await connection.unary(filesCalls.rename, { from: filePath(from), to: filePath(to), keep: true })
}

export async function linkInside(connection: Connection, path: string, holds: string): Promise<void> {
  await connection.unary(filesCalls.makeLink, { file: filePath(path), link: Buffer.from(holds) })
}

export async function makeDirectoryInside(connection: Connection, path: string, mode: number): Promise<void> {
  await connection.unary(filesCalls.makeDirectory, { file: filePath(path), mode, parents: false })
}

/** A file, or a directory that is empty. */
export async function removeInside(connection: Connection, path: string): Promise<void> {
  await connection.unary(filesCalls.remove, { file: filePath(path), recursive: false })
}

/** A file of the sandbox that is being written where it stands. */
export interface Updating {
  /** Settles when there is room for more. @throws what ended it */
  write(offset: number, bytes: Uint8Array): Promise<void>
  /** Behind all that was written before. */
  change(change: FileChange): Promise<void>
  /** Settles when all of it has been done. @throws what kept it from that */
  finish(): Promise<void>
  cancel(): void
}

/** @throws GloveboxError when it cannot be opened or made */
export async function updateInside(
  connection: Connection,
  path: string,
  how: Omit<UpdateStart, 'file'>,
): Promise<Updating> {
  const stream = connection.open(filesCalls.update)
  const done = answerTo(stream)
  done.catch(() => undefined) // given by whatever is asked next
  await stream.send({ input: { case: 'start', value: { ...how, file: filePath(path) } } })
  await stream.answered
  return {
    write: async (offset, data) => stream.send({ input: { case: 'data', value: { offset: offset, data } } }),
    change: async (value) => stream.send({ input: { case: 'change', value } }),
    async finish() {
      stream.end()
      await done
    },
    cancel: () => stream.cancel(),
  }
}

async function answerTo<Input>(stream: CallStream<Input, FileInfo>): Promise<void> {
  const answers: FileInfo[] = []
  for await (const answer of stream.messages) {
    if (answers.push(answer) > 1) throw lost('two answers to the writing of a file')
  }
  if (answers.length === 0) throw lost('no answer to the writing of a file')
}

/** A file of the sandbox from an offset on. @throws GloveboxError when it cannot be opened */
export async function readInside(
  connection: Connection,
  path: string,
  offset: number,
): Promise<{ chunks: AsyncIterator<{ readonly data: Uint8Array }>; cancel: () => void }> {
  const stream = connection.open(filesCalls.read)
  stream.sendLast({ file: filePath(path), offset: offset, length: undefined })
  await stream.answered
  return { chunks: stream.messages[Symbol.asyncIterator](), cancel: () => stream.cancel() }
}
