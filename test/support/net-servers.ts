import { createHash } from 'node:crypto'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createAuthority } from '../../src/egress/tls/authority.ts'

/** Servers of a test's own on the loopback, of each kind that programs talk to. All end with the test. */
export interface NetServers extends AsyncDisposable {
  /** Answers `REACHED` to `gbx-…`; everything else comes back as it came. */
  echo(host?: string): Promise<number>
  /** Says `welcome` before it is asked, then how many bytes came once the other side has ended. */
  counting(): Promise<number>
  /** Resets each connection after half of its answer. */
  cutting(): Promise<number>
  /** Answers `enough` to the first that comes, and is gone, whatever else is on its way. */
  refusing(): Promise<number>
  http(answer: RequestListener): Promise<number>
  https(answer: RequestListener): Promise<number>
  /** Takes a WebSocket, and sends each short text back. */
  webSocket(): Promise<number>
  /** How many connections there are now. */
  connections(): number
  /** What `https` is believed by, PEM. */
  readonly authority: string
}

export function netServers(name: string): NetServers {
  const servers: Server[] = []
  const sockets = new Set<Duplex>()
  const authority = createAuthority([name], 'test')
  const listen = async (server: Server, host = '127.0.0.1'): Promise<number> => {
    servers.push(server)
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket))
    })
    await new Promise<void>((resolve) => void server.listen(0, host, 4096, resolve))
    return (server.address() as AddressInfo).port
  }
  return {
    authority: authority.certificate,
    connections: () => sockets.size,
    echo: (host) => listen(createServer({ allowHalfOpen: true }, echo), host),
    counting: () => listen(createServer({ allowHalfOpen: true }, count)),
    cutting: () => listen(createServer(cut)),
    refusing: () => listen(createServer(refuse)),
    http: (answer) => listen(createHttpServer(answer)),
    https: (answer) => listen(createTlsServer(authority.leafFor(name), answer)),
    webSocket: () => listen(createHttpServer().on('upgrade', webSocket)),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await Promise.all(servers.map((server) => new Promise((resolve) => void server.close(resolve))))
    },
  }
}

function cut(socket: Socket): void {
  socket.once('data', () => socket.write('half', () => socket.resetAndDestroy()))
}

function refuse(socket: Socket): void {
  // Closed with bytes unread, which the kernel tells by a reset.
  socket.once('data', () => socket.pause().write('enough', () => socket.destroy()))
}

function echo(socket: Socket): void {
  socket.once('data', (first: Buffer) => {
    const [token] = /gbx-[a-z0-9-]+/.exec(first.toString('latin1')) ?? []
    if (token !== undefined) return void socket.end(`REACHED ${token}\n`)
    socket.write(first)
    return void socket.pipe(socket)
  })
}

function count(socket: Socket): void {
  let bytes = 0
  socket.write('welcome\n')
  socket.on('data', (data) => (bytes += data.length))
  socket.once('end', () => void socket.end(`${bytes} bytes\n`))
}

/** RFC 6455, 4.2.2 and 5.2: masked texts of less than 126 bytes in, plain ones out. */
function webSocket(request: { headers: Record<string, string | string[] | undefined> }, socket: Duplex): void {
  const key = `${String(request.headers['sec-websocket-key'])}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
  const accept = createHash('sha1').update(key).digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  socket.on('error', () => socket.destroy())
  socket.on('data', (frame: Buffer) => {
    const length = (frame[1] ?? 0) & 127
    if (((frame[0] ?? 0) & 15) !== 1) return void socket.end()
    const mask = frame.subarray(2, 6)
    const text = Buffer.from(frame.subarray(6, 6 + length).map((byte, at) => byte ^ (mask[at % 4] ?? 0)))
    return void socket.write(Buffer.concat([Buffer.from([0x81, length]), text]))
  })
}
