import type { Duplex } from 'node:stream'
import type { SecureContext } from 'node:tls'
import { hostOf } from '../http/authority.ts'
import { NotDialed } from '../http/forward.ts'
import { codeOf } from '../route.ts'
import type { Target } from '../rules.ts'
import type { Secrets } from '../secrets/secrets.ts'
import type { Authority } from './authority.ts'
import { intercept, type Opened } from './intercept.ts'

/** Reads what is said over TLS to the hosts whose secrets ask for it, and to no other. */
export interface ReadTls {
  reads(target: Target): boolean
  /** @throws what was wrong with the program's side of it */
  open(program: Duplex, target: Target, connect: () => Promise<Duplex>): Promise<Opened>
}

export function createReadTls(secrets: Secrets, authority: Authority, roots: SecureContext): ReadTls {
  return {
    reads: (target) => secrets.intercepts({ name: hostOf(target), port: target.port }),
    async open(program, target, connect) {
      const host = { name: hostOf(target), port: target.port }
      const opened = await intercept(program, host, { authority, roots, connect })
      return { program: opened.program, upstream: async () => shown(host.name, opened) }
    },
  }
}

async function shown(name: string, { upstream }: Opened): Promise<Duplex> {
  try {
    return await upstream()
  } catch (error) {
    if (error instanceof NotDialed) throw error
    const reason = `the host has not shown itself to be ${name}: ${codeOf(error)}`
    throw new NotDialed({ kind: 'failed', rule: 'network.tls', reason })
  }
}
