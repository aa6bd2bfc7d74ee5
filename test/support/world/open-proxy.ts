import { lookup } from 'node:dns/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'

/**
 * A proxy that lets everybody go everywhere: HTTP and SOCKS on one port, each in the simplest way that works, odd spellings
 * and all. It stands where a sandbox has its own, so that attacks on that one can be seen to work.
 */
export function openProxy(addressOf: (name: string) => string | undefined): Server {
  return createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => client.destroy())
    client.once('data', (first) => {
      const asked = first[0] === 5 ? undefined : first[0] === 4 ? socks4(first) : http(first)
      if (asked === undefined) return greet(client, addressOf)
      void carry(client, asked, addressOf)
    })
  })
}

interface Asked {
  readonly host: string
  readonly port: number
  /** What the client is told once it is connected. */
  readonly ready: Buffer
  /** What is sent on before anything else. */
  readonly first: Buffer
}

function http(first: Buffer): Asked {
  const [line = ''] = first.toString('latin1').split(/\r?\n/)
  const [method = '', url = ''] = line.split(' ')
  const authority = method === 'CONNECT' ? url : (/^[a-z]+:\/\/([^/?]*)/i.exec(url)?.[1] ?? '')
  const place = authority.slice(authority.lastIndexOf('@') + 1)
  const [, six, host = '', port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?/.exec(place) ?? []
  const tunnel = method === 'CONNECT'
  return {
    host: decodeURIComponent(six ?? host),
    port: Number(port ?? 80),
    ready: Buffer.from(tunnel ? 'HTTP/1.1 200 OK\r\n\r\n' : ''),
    first: tunnel ? Buffer.alloc(0) : first,
  }
}

function socks4(first: Buffer): Asked {
  const end = first.indexOf(0, 8)
  const isNamed = first.readUInt32BE(4) < 256
  const host = isNamed
    ? first.toString('latin1', end + 1, first.indexOf(0, end + 1))
    : [...first.subarray(4, 8)].join('.')
  return { host, port: first.readUInt16BE(2), ready: Buffer.of(0, 90, 0, 0, 0, 0, 0, 0), first: Buffer.alloc(0) }
}

function greet(client: Socket, addressOf: (name: string) => string | undefined): void {
  client.write(Buffer.of(5, 0))
  client.once('data', (request) => {
    const type = request[3]
    const end = type === 1 ? 8 : type === 4 ? 20 : 5 + (request[4] ?? 0)
    const bytes = request.subarray(type === 3 ? 5 : 4, end)
    const groups = Array.from({ length: 8 }, (_, at) => (type === 4 ? bytes.readUInt16BE(2 * at).toString(16) : ''))
    const host = type === 1 ? [...bytes].join('.') : type === 4 ? groups.join(':') : bytes.toString('latin1')
    const ready = Buffer.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0)
    void carry(client, { host, port: request.readUInt16BE(end), ready, first: Buffer.alloc(0) }, addressOf)
  })
}

async function carry(client: Socket, asked: Asked, addressOf: (name: string) => string | undefined): Promise<void> {
  // getaddrinfo(3) reads every spelling of a number that inet_aton(3) does, and ends a name at its first NUL.
  const [name = ''] = asked.host.split('\0')
  const address = addressOf(name) ?? (await lookup(name === '' ? '0.0.0.0' : name).catch(() => undefined))?.address
  if (address === undefined) return void client.destroy()
  const server = connect({ host: address, port: asked.port, allowHalfOpen: true })
  server.on('error', () => client.destroy())
  server.once('connect', () => {
    client.write(asked.ready)
    server.write(asked.first)
    client.pipe(server)
    server.pipe(client)
  })
}
