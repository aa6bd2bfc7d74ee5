import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GloveboxError, messageOf } from '../../../errors.ts'
import type { Inside } from '../../../inside/client.ts'
import { portsCalls } from '../../../protocol/inside/v1.ts'
import { duplexOver } from './byte-call.ts'

/** Field `data` of ConnectInput. */
const dataField = 2

/** A connection to a Unix socket in the guest. @throws GloveboxError when nobody listens there */
export async function connectInGuest(inside: Inside, path: string): Promise<Duplex> {
  const call = inside.connection.open(portsCalls.connect)
  const answers = call.messages[Symbol.asyncIterator]()
  const stream = duplexOver(call, answers, dataField)
  try {
    const unixPath = Buffer.from(path)
    await call.send({ input: { case: 'target', value: { target: { case: 'unixPath', value: unixPath } } } })
    await call.answered
    return stream
  } catch (error) {
    stream.on('error', () => undefined) // thrown below
    stream.destroy()
    throw error
  }
}

/**
 * Lets other commands in, by a socket of the host beside which the sandbox is registered: each of its connections is one to
 * the sandbox's own channel in the guest.
 */
export interface Door {
  close(): void
}

export async function openDoor(socket: string, connect: () => Promise<Duplex>): Promise<Door> {
  const visitors = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (visitor) => {
    visitors.add(visitor)
    visitor.once('close', () => visitors.delete(visitor))
    void carry(visitor, connect)
  })
  // As many as the inside takes at once (docs/channel.md, "What is capped").
  server.maxConnections = 16
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(socket, resolve)
    })
    chmodSync(socket, 0o600)
  } catch (cause) {
    server.close()
    throw new GloveboxError('NOT_STARTED', `the socket ${socket} cannot be made: ${messageOf(cause)}`, { cause })
  }
  return {
    close() {
      server.close()
      for (const visitor of visitors) visitor.destroy()
      rmSync(socket, { force: true })
    },
  }
}

/** Whatever ends one of the two ends the other. */
async function carry(visitor: Socket, connect: () => Promise<Duplex>): Promise<void> {
  visitor.on('error', () => undefined) // its end is all that is to know
  try {
    const inner = await connect()
    await Promise.all([pipeline(visitor, inner), pipeline(inner, visitor)])
  } catch {
    visitor.destroy() // the visitor sees that it was not let in, or that it ended
  }
}
