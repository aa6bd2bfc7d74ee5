import { createServer, type ServerHttp2Stream } from 'node:http2'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer as createPlain, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { once } from 'node:events'
import type { TestContext } from 'node:test'

/** A Unix socket with something behind it, gone with the test. Gives a new connection to it each time. */
async function listening(t: TestContext, server: Server): Promise<() => Promise<Socket>> {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-peer-'))
  const socket = path.join(directory, 's')
  server.listen(socket)
  await once(server, 'listening')
  const open = new Set<Socket>()
  server.on('connection', (client: Socket) => {
    open.add(client)
    client.on('error', () => undefined) // the other end may end as it likes
    client.once('close', () => open.delete(client))
  })
  t.after(() => {
    for (const each of open) each.destroy()
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return async () => {
    const client = connect(socket)
    await once(client, 'connect')
    return client
  }
}

/** A peer that says exactly these bytes, and when. */
export async function rawPeer(t: TestContext, speak: (socket: Socket) => void): Promise<() => Promise<Socket>> {
  return listening(t, createPlain(speak))
}

/** A call as it arrived, to be answered as the test likes. */
export type Answer = (stream: ServerHttp2Stream, path: string) => void

/** A peer that speaks HTTP/2 correctly and answers what it likes. */
export async function http2Peer(
  t: TestContext,
  answer: Answer,
  onPing: () => void = () => undefined,
): Promise<() => Promise<Socket>> {
  const server = createServer({ settings: { maxConcurrentStreams: 2048, initialWindowSize: 2 ** 24 } })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined) // the other end may give it up
    answer(stream, String(headers[':path']))
  })
  server.on('session', (session) => {
    session.on('error', () => undefined)
    session.on('ping', onPing)
    session.setLocalWindowSize(2 ** 25)
  })
  return listening(t, server)
}

/** The head of a gRPC answer; `status` comes at its end, with these further headers. */
export function respond(stream: ServerHttp2Stream, status: string = '0', more: Record<string, string> = {}): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true })
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status, ...more }))
}

/** A message with its prefix. */
export function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/** An HTTP/2 frame (RFC 9113, 4.1). */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Headers as literals without indexing and without Huffman coding (RFC 7541, 6.2.2). */
export function literals(headers: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(headers).map(([name, value]) =>
    Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]),
  )
  return Buffer.concat(parts)
}
