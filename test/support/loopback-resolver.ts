import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'

/** A name server on loopback that knows one name, and nothing else in the world. */
export interface LoopbackResolver {
  /** `127.0.0.1:PORT`. */
  readonly address: string
  close(): void
}

export async function loopbackResolver(name: string, address: string): Promise<LoopbackResolver> {
  const socket: Socket = createSocket('udp4')
  socket.on('message', (query, peer) => socket.send(answer(query, name, address), peer.port, peer.address))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { address: `127.0.0.1:${socket.address().port}`, close: () => socket.close() }
}

/** RFC 1035, section 4: the question again, and behind it one A record where it was asked for. */
function answer(query: Buffer, name: string, address: string): Buffer {
  let end = 12
  const labels: string[] = []
  for (let length = query[end] ?? 0; length > 0; length = query[end] ?? 0) {
    labels.push(query.toString('latin1', end + 1, end + 1 + length))
    end += 1 + length
  }
  end += 5
  const isKnown = labels.join('.').toLowerCase() === name
  const isA = query.readUInt16BE(end - 4) === 1
  const header = Buffer.alloc(12)
  query.copy(header, 0, 0, 2)
  header.writeUInt16BE(isKnown ? 0x8180 : 0x8183, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(isKnown && isA ? 1 : 0, 6)
  // A pointer to the question's name, type A, class IN, a minute, four bytes.
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split('.').map(Number)])
  return Buffer.concat([header, query.subarray(12, end), ...(isKnown && isA ? [record] : [])])
}
