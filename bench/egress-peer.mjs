// The other end of what bench/cases/egress.ts measures: its ports, one line; then it serves until its input ends.
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'

const listen = async (server) => {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', 4096, resolve))
  return server.address().port
}

// One byte for each line, then the end: connect and first byte.
const first = await listen(
  createServer((socket) => socket.on('error', () => socket.destroy()).once('data', () => socket.end('!'))),
)
// As many zeros as the line says.
const piece = Buffer.alloc(1 << 20, 1)
const stream = await listen(
  createServer((socket) => {
    socket
      .on('error', () => socket.destroy())
      .once('data', (line) => {
        let left = Number(line)
        const more = () => {
          while (left > 0) {
            left -= piece.length
            if (!socket.write(piece)) return void socket.once('drain', more)
          }
          socket.end()
        }
        more()
      })
  }),
)
// Longer than those that are warm first wait for the others: a connection that is closed as it is used again is an error of
// its client's, and no figure.
const http = await listen(createHttpServer({ keepAliveTimeout: 60_000 }, (_, response) => response.end('ok')))
process.stdout.write(`${JSON.stringify({ first, stream, http })}\n`)
process.stdin.resume().on('end', () => process.exit())
