// The plain ends of the channel's figures: an echo, and bytes without end, each on a Unix socket of this process.
import { createServer } from 'node:net'

const [echoPath, sourcePath, bytes] = process.argv.slice(2)
const chunk = Buffer.alloc(256 * 1024, 1)

createServer((client) => client.pipe(client)).listen(echoPath)
createServer((client) => {
  let left = Number(bytes)
  const pour = () => {
    while (left > 0) {
      left -= chunk.length
      if (!client.write(chunk)) return client.once('drain', pour)
    }
    client.end()
  }
  pour()
}).listen(sourcePath, () => process.stdout.write('ready\n'))
