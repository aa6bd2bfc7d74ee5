import { connect, type Socket } from 'node:net'

/** @throws the system's error, ECONNREFUSED where nobody listens any more */
export async function connectUnix(path: string): Promise<Socket> {
  const socket = connect(path)
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return socket
}
