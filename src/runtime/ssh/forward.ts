import type { Duplex } from 'node:stream'
import type { Connection } from 'ssh2'
import { messageOf } from '../../errors.ts'
import { untrusted } from '../../ui/untrusted.ts'
import { carry } from '../publish/carry.ts'
import type { UnixPath } from '../publish/way-in.ts'
import type { SshTarget } from './target.ts'

/** What leads to the sandbox itself. Any other address would be an outside, which only its own policy opens. */
const itself: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1', '0.0.0.0', '::'])

/** Ports and sockets of the sandbox for the client (-L, -D, -W); nothing the other way round. */
export function serveForwards(client: Connection, target: SshTarget): void {
  client.on('tcpip', (accept, reject, { destIP, destPort }) => {
    if (itself.has(destIP)) return void lead(destPort, accept, reject)
    target.tell(`${untrusted(destIP)}:${destPort} is not in the sandbox: only its own localhost is reached`)
    reject()
  })
  client.on('openssh.streamlocal', (accept, reject, { socketPath }) => void lead({ path: socketPath }, accept, reject))
  client.on('request', (_accept, reject, name: string) => {
    if (name === 'tcpip-forward' || name === 'streamlocal-forward@openssh.com') {
      target.tell('-R is refused: a sandbox reaches nothing of this machine but what its policy allows (--allow-net)')
    }
    reject?.()
  })

  async function lead(to: number | UnixPath, accept: () => Duplex, reject: () => void): Promise<void> {
    try {
      const call = await target.ports.open(to)
      const channel = accept()
      try {
        await carry(channel, call, { sent: 0, received: 0 })
      } catch {
        channel.destroy() // either end was reset, which a channel cannot tell apart from its end
      }
    } catch (error) {
      const what = typeof to === 'number' ? `port ${to}` : untrusted(to.path)
      target.tell(`${what} of the sandbox: ${messageOf(error)}`)
      reject()
    }
  }
}
