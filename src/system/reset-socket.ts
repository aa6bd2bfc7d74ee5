import type { Socket } from 'node:net'

/**
 * Ends a connection so that what was cut does not look whole to its peer: with a reset. One that has been told of our end has all
 * that we had to say, and keeps it: a reset would take back what it has not read yet. Nor could one be asked for while the shutdown is
 * under way: uv_tcp_close_reset fails with EINVAL then, and Node (24) takes the socket for closed all the same, so that its descriptor
 * stays and the process spins at its end, waiting for it.
 */
export function resetSocket(socket: Socket): void {
  const isToldOfOurEnd = socket.writableEnded && socket.writableLength === 0
  if (isToldOfOurEnd) socket.destroy()
  else socket.resetAndDestroy()
}
