import { fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'

/**
 * Our stdin and stdout, as the client's end. Node makes process.stdout *blocking* on pipes and sockets: a client that
 * stops reading would then hold up our whole event loop, signals and the launcher's reports with it.
 * A Socket on the same descriptor waits without blocking.
 */
export function clientStreams(): { input: Readable; output: Writable } {
  const stat = fstatSync(1)
  const canWait = stat.isFIFO() || stat.isSocket()
  return {
    input: process.stdin,
    output: canWait ? new Socket({ fd: 1, readable: false, writable: true }) : process.stdout,
  }
}
