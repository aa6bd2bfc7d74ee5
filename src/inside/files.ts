import { grpcStatus } from '../protocol/inside/grpc.ts'
import { filesCalls, type FileInfo, type FilePath, type TarInput, type TarResult } from '../protocol/inside/v1.ts'
import type { Connection } from './connection.ts'
import { lost, statusOf } from './failure.ts'
import type { CallStream } from './stream.ts'

/** What a path inside names; undefined where nothing is. */
export async function statInside(
  connection: Connection,
  path: string,
  options: { follow: boolean },
): Promise<FileInfo | undefined> {
  try {
    return await connection.unary(filesCalls.stat, filePath(path, !options.follow))
  } catch (error) {
    if (statusOf(error) === grpcStatus.notFound) return undefined
    throw error
  }
}

/** An absolute path of the sandbox as the protocol has it: relative to its root, without what a person may add to it. */
export function filePath(path: string, noFollow: boolean = false): FilePath {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  return { root: undefined, path: Buffer.from(parts.length === 0 ? '.' : parts.join('/')), noFollow }
}

export interface TarOut {
  readonly chunks: AsyncIterable<Buffer>
  /** Names of what is no file, directory or link, once `chunks` has ended: untrusted text. */
  leftOut(): string[]
  cancel(): void
}

export function tarOut(connection: Connection, path: string, options: { follow: boolean }): TarOut {
  const stream = connection.open(filesCalls.tarOut)
  stream.sendLast(filePath(path, !options.follow))
  return {
    chunks: chunksOf(stream.messages),
    leftOut: () => leftOutIn(stream.trailers()['glovebox-left-out-bin']),
    cancel: () => stream.cancel(),
  }
}

async function* chunksOf(messages: AsyncIterable<{ readonly data: Uint8Array }>): AsyncGenerator<Buffer> {
  for await (const { data } of messages) yield Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}

/** Binary headers are base64 (gRPC over HTTP/2, "Custom-Metadata"); several of one name are joined by commas. */
function leftOutIn(header: string | string[] | undefined): string[] {
  const values = (Array.isArray(header) ? header : (header ?? '').split(',')).filter((value) => value !== '')
  return values.slice(0, 100).map((value) => Buffer.from(value.trim(), 'base64').toString('utf8').slice(0, 4096))
}

/** The field `data` of TarInput. */
const dataField = 2

export interface TarIn {
  /** Settles when there is room for more. */
  write(bytes: Buffer): Promise<void>
  /** The archive is whole. @throws GloveboxError for what the inside refused of it */
  finish(): Promise<TarResult>
  cancel(): void
}

/** Unpacks an archive below a directory of the sandbox, which must exist. */
export async function tarIn(connection: Connection, directory: string): Promise<TarIn> {
  const stream = connection.open(filesCalls.tarIn)
  const result = only(stream)
  result.catch(() => undefined) // given by `finish`
  await stream.send({ input: { case: 'start', value: filePath(directory) } })
  return {
    write: async (bytes) => stream.sendBytes(dataField, bytes),
    finish: async () => {
      stream.end()
      return result
    },
    cancel: () => stream.cancel(),
  }
}

async function only(stream: CallStream<TarInput, TarResult>): Promise<TarResult> {
  let result: TarResult | undefined
  for await (const message of stream.messages) result = message
  if (result === undefined) throw lost('no answer to an archive')
  return result
}
