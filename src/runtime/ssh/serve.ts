import { timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import ssh2, { type Connection, type PublicKeyAuthContext } from 'ssh2'
import { messageOf } from '../../errors.ts'
import { serveForwards } from './forward.ts'
import type { SshKeys } from './keys.ts'
import { serveSession } from './session.ts'
import type { SshTarget } from './target.ts'

/**
 * Speaks SSH (RFC 4251 to 4254) as the server on one stream, until either end has ended it. What the client asks for is done by
 * calls to the inside; nothing is started here, and nothing of a sandbox is believed: what it sends is data of a channel.
 */
export async function serveSsh(
  transport: Duplex,
  keys: Pick<SshKeys, 'hostKey' | 'userPublic'>,
  target: SshTarget,
): Promise<void> {
  const over = Promise.withResolvers<void>()
  const server = new ssh2.Server(
    {
      hostKeys: [keys.hostKey],
      ident: 'glovebox',
      // The other end is a process of this machine: what it does not answer for a while it answers later.
      keepaliveInterval: 0,
      algorithms: { cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'], compress: ['none'] },
    },
    (client) => serveClient(client, keys.userPublic, target),
  )
  // Of a socket it takes what any stream has, and the peer's address, where there is one.
  server.injectSocket(transport as Socket)
  transport.once('close', () => over.resolve())
  transport.once('end', () => transport.destroy())
  void lostInside(target, transport)
  await over.promise
}

/** With the inside gone there is nothing that a client could still do. */
async function lostInside({ inside, tell }: SshTarget, transport: Duplex): Promise<void> {
  const error = await inside.connection.closed
  if (error !== undefined) tell(error.message)
  transport.destroy()
}

function serveClient(client: Connection, userPublic: string, target: SshTarget): void {
  const [, blob = ''] = userPublic.split(' ')
  const allowed = Buffer.from(blob, 'base64')
  client.on('error', (error: Error) => target.tell(`ssh: ${messageOf(error)}`))
  client.on('authentication', (context) => {
    if (context.method === 'publickey' && isAllowed(context, allowed)) context.accept()
    else context.reject(['publickey'])
  })
  client.on('ready', () => {
    client.on('session', (accept) => serveSession(accept(), target))
    serveForwards(client, target)
  })
}

type Presented = Pick<PublicKeyAuthContext, 'key' | 'blob' | 'hashAlgo' | 'signature'>

/** Asked twice: whether the key is welcome, and then with a signature (RFC 4252, 7). */
export function isAllowed({ key, blob, hashAlgo, signature }: Presented, allowed: Buffer): boolean {
  if (key.algo !== 'ssh-ed25519' || key.data.length !== allowed.length || !timingSafeEqual(key.data, allowed))
    return false
  if (signature === undefined || blob === undefined) return signature === undefined
  const parsed = ssh2.utils.parseKey(key.data)
  if (parsed instanceof Error) return false
  // Whatever its types say: where it cannot verify, ssh2 returns the error.
  const verified: unknown = parsed.verify(blob, signature, hashAlgo)
  return verified === true
}
