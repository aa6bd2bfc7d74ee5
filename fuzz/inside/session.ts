import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { GloveboxError } from '../../src/errors.ts'
import { defaultCaps } from '../../src/inside/caps.ts'
import { openConnection, type Connection } from '../../src/inside/connection.ts'
import { statInside, tarIn, tarOut } from '../../src/inside/files.ts'
import { startProgram } from '../../src/inside/program.ts'
import { createTarReader } from '../../src/inside/tar/reader.ts'
import { helloCalls, statsCalls } from '../../src/protocol/inside/v1.ts'
import { createRandom } from '../guard/random.ts'
import { speak } from './peer.ts'

export interface SessionResult {
  readonly frames: number
  readonly answered: number
  readonly refused: number
}

/** One connection to a hostile peer, with a call of each kind over it. Throws for what is not an error of ours. */
export async function runSession(seed: number): Promise<SessionResult> {
  const random = createRandom(seed)
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-fuzz-'))
  const server = createServer()
  let spoken = Promise.resolve(0)
  try {
    server.listen(path.join(directory, 's'))
    await once(server, 'listening')
    server.on('connection', (socket: Socket) => {
      socket.on('error', () => undefined) // we may end it at any time
      spoken = speak(socket, random)
    })
    const socket = connect(path.join(directory, 's'))
    await once(socket, 'connect')
    const ends = await calls(socket)
    const answered = ends.filter((end) => end === 'answered').length
    return { frames: await spoken, answered, refused: ends.length - answered }
  } finally {
    server.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function calls(socket: Socket): Promise<('answered' | 'refused')[]> {
  let connection: Connection
  try {
    connection = await openConnection(socket, { ...defaultCaps, callMs: 2000, connectMs: 2000, message: 4096 })
  } catch (error) {
    return [ours(error)]
  }
  const works = [hello, stats, stat, program, archive, upload].map(async (work) => {
    try {
      await work(connection)
      return 'answered' as const
    } catch (error) {
      return ours(error)
    }
  })
  const ends = await Promise.all(works)
  connection.close()
  await connection.closed
  return ends
}

/** An error that a person can be shown; anything else is a bug. */
function ours(error: unknown): 'refused' {
  if (!(error instanceof GloveboxError) || error.code === 'INTERNAL') throw error
  if (/[\u0000-\u001f\u007f-\u009f]/.test(error.message))
    throw new Error(`control characters in: ${JSON.stringify(error.message)}`)
  return 'refused'
}

async function hello(connection: Connection): Promise<void> {
  await connection.unary(helloCalls.hello, { oldest: 1, newest: 1 })
}

async function stats(connection: Connection): Promise<void> {
  await connection.unary(statsCalls.read, {})
}

async function stat(connection: Connection): Promise<void> {
  await statInside(connection, '/etc/passwd', { follow: true })
}

async function program(connection: Connection): Promise<void> {
  const argv = [Buffer.from('true')]
  const start = { argv, environment: [], environmentOnly: false, directory: undefined, terminal: undefined }
  const started = await startProgram(connection, start, () => undefined)
  started.write(Buffer.alloc(1000)).catch(() => undefined)
  await started.ended
}

async function archive(connection: Connection): Promise<void> {
  const out = tarOut(connection, '/tmp', { follow: false })
  let bytes = 0
  const reader = createTarReader({
    begin: () => undefined,
    data: (chunk) => void (bytes += chunk.length),
    end: () => undefined,
  })
  for await (const chunk of out.chunks) {
    await reader.push(chunk).catch((error: unknown) => {
      // What `copyOut` makes of it.
      throw new GloveboxError('CHANNEL_LOST', 'no archive', { cause: error })
    })
  }
  out.leftOut()
}

async function upload(connection: Connection): Promise<void> {
  const target = await tarIn(connection, '/tmp')
  await target.write(Buffer.alloc(100_000))
  await target.finish()
}
