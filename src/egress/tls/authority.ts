import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { certificate, authorityExtensions, serverExtensions } from './certificate.ts'

const hour = 3_600_000
/** Clocks of guests may be behind ours. */
const beforeMs = hour
/** As long as a sandbox may run: its key is in this process's memory, and gone with it. */
const authorityMs = 366 * 24 * hour
const leafMs = 48 * hour
/** A certificate is replaced well before it ends. */
const renewMs = 24 * hour

/** A server's certificate and its key, as PEM. */
export interface Leaf {
  readonly cert: string
  readonly key: string
}

/** The one authority that a sandbox believes besides those of its system, for the hosts that its secrets are bound to. */
export interface Authority {
  /** PEM; nothing about it is secret. */
  readonly certificate: string
  /** @throws RangeError for a host that it was not made for */
  leafFor(host: string): Leaf
}

/**
 * A new authority, with a key that is written nowhere. Even if the key were had by somebody, what it signs is believed only
 * in this sandbox, and for no other host. `hosts`: names, with all below them, and addresses.
 */
export function createAuthority(hosts: readonly string[], sandbox: string, now: () => number = Date.now): Authority {
  const { publicKey, privateKey } = newKey()
  const name = `Glovebox sandbox ${sandbox}`
  const issuer = { name, key: publicKey, privateKey }
  const own = certificate({
    subject: name,
    key: publicKey,
    issuer,
    ...validity(now(), authorityMs),
    extensions: authorityExtensions(publicKey, hosts),
  })
  const leaves = new Map<string, { leaf: Leaf; made: number }>()

  const make = (host: string, made: number): Leaf => {
    const key = newKey()
    const cert = certificate({
      // For people: the name that counts is the alternative one. 64 characters at most (RFC 5280, appendix A), and no address,
      // which would be taken for a name that is not among those that are permitted.
      subject: host.length <= 64 && isIP(host) === 0 ? host : 'server',
      key: key.publicKey,
      issuer,
      ...validity(made, leafMs),
      extensions: serverExtensions(host, publicKey),
    })
    return { cert, key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
  }

  return {
    certificate: own,
    leafFor(host) {
      if (!hosts.some((each) => host === each || host.endsWith(`.${each}`))) {
        throw new RangeError(`${host} is not a host of this authority`)
      }
      const made = now()
      const known = leaves.get(host)
      if (known !== undefined && made - known.made < renewMs) return known.leaf
      const leaf = make(host, made)
      leaves.set(host, { leaf, made })
      return leaf
    },
  }
}

function newKey(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function validity(from: number, ms: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(from - beforeMs), notAfter: new Date(from + ms) }
}
