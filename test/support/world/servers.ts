import { createSocket } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import { openProxy } from './open-proxy.ts'
import { startResolver, type Records, type Zone } from './resolver.ts'

/**
 * Everybody outside, in one process: the suite's listeners on every address that there is, which answer `REACHED` to whoever
 * comes with a token, and a resolver. `{ zone, open }` by message starts them; with `open` there are a proxy and a resolver
 * that refuse nothing where a sandbox has its own, for control runs.
 */
interface Begin {
  readonly zone: Zone
  readonly open: boolean
}

const tcpPorts = [22, 25, 443, 853, 5432, 5433, 8443] as const
const httpPorts = [80, 8080] as const
/** A socket on every address answers from one that the kernel picks, which whoever asked a certain one does not take for an answer. */
const answering = '11.22.33.44'
const udpPorts = [80, 123, 443, 1900, 5353, 5355, 8080] as const
/** More than the buffers of a connection hold that nobody reads. */
const much = 'x'.repeat(512 * 1024)
const token = /gbx-[a-z0-9-]+/

process.once('message', (begin: Begin) => void start(begin))

async function start({ zone, open }: Begin): Promise<void> {
  await Promise.all([
    ...tcpPorts.map(async (port) =>
      listen(
        createServer((socket) => witness(socket, plain)),
        port,
      ),
    ),
    ...httpPorts.map(async (port) =>
      listen(
        createServer((socket) => witness(socket, http)),
        port,
      ),
    ),
    listen(
      createServer((socket) => witness(socket, plain)),
      53,
    ),
    ...udpPorts.map(async (port) => datagrams(port)),
    datagrams(123, answering),
    startResolver({
      zone,
      address: '0.0.0.0',
      port: 53,
      otherwise: (name) => (token.test(name) ? `REACHED ${name}` : undefined),
    }),
    ...(open
      ? [
          listen(
            openProxy((name) => firstAddress(zone[name])),
            3128,
          ),
        ]
      : []),
  ])
  process.send?.('ready')
}

function firstAddress(found: Zone[string] | undefined): string | undefined {
  const records = Array.isArray(found) ? (found as readonly Records[])[0] : (found as Records | undefined)
  return records?.a?.[0] ?? records?.aaaa?.[0]
}

async function listen(server: Server, port: number): Promise<void> {
  // Of both versions of the protocol.
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '::', resolve))
}

function witness(socket: Socket, answer: (text: string) => string | undefined): void {
  let held = ''
  socket.on('error', () => socket.destroy())
  socket.on('data', (data) => {
    held = (held + data.toString('latin1')).slice(-64 * 1024)
    const reply = answer(held)
    if (reply === undefined) return
    held = ''
    socket.write(reply)
  })
}

function plain(text: string): string | undefined {
  const [found] = token.exec(text) ?? []
  return found === undefined ? undefined : `REACHED ${found}\n`
}

/** One answer for all that came, once a head is there. */
function http(text: string): string | undefined {
  const [found] = token.exec(text) ?? []
  if (found === undefined && !text.includes('\r\n\r\n')) return undefined
  const body = found === undefined ? 'served\n' : `REACHED ${found}\n`
  if (/^GET \S*\/redirect/.test(text))
    return `HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\n\r\n`
  if (/^GET \S*\/much /.test(text)) return `HTTP/1.1 200 OK\r\nContent-Length: ${much.length}\r\n\r\n${much}`
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

async function datagrams(port: number, address?: string): Promise<void> {
  const shares = { reuseAddr: port === 123 }
  const socket = createSocket(address === undefined ? { type: 'udp6', ...shares } : { type: 'udp4', ...shares })
  socket.on('message', (data, peer) => {
    const reply = plain(data.toString('latin1'))
    if (reply !== undefined) socket.send(reply, peer.port, peer.address, () => undefined)
  })
  await new Promise<void>((resolve) => void socket.bind(port, address ?? '::', resolve))
}
