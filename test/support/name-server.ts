import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** A name server of the test's own: every name that it knows is this machine. */
export async function nameServer(names: readonly string[]): Promise<{ port: number; asked: string[]; close(): void }> {
  const asked: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => {
    const { name, end } = question(query)
    asked.push(name)
    const known = names.includes(name)
    const isA = query.readUInt16BE(end) === 1
    const head = Buffer.from(query.subarray(0, 12))
    // RFC 1035, 4.1.1: a response, recursion available; 3: there is no such name.
    head.writeUInt16BE(0x8180 | (known ? 0 : 3), 2)
    head.writeUInt16BE(known && isA ? 1 : 0, 6)
    head.writeUInt16BE(0, 8)
    head.writeUInt16BE(0, 10)
    // A pointer to the name of the question, type A, class IN, 60 s, 4 bytes.
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1])
    socket.send(Buffer.concat([head, query.subarray(12, end + 4), known && isA ? answer : Buffer.alloc(0)]), from.port)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { port: socket.address().port, asked, close: () => socket.close() }
}

function question(query: Buffer): { name: string; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += length + 1
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}
