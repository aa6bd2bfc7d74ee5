import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'

/**
 * The authorities that this machine believes: those of its system, Node's own where it has none, and those that
 * NODE_EXTRA_CA_CERTS names.
 */
export function hostRoots(): string[] {
  const system = getCACertificates('system')
  const all = [...(system.length > 0 ? system : getCACertificates('bundled')), ...getCACertificates('extra')]
  // A system that has both a file and a directory of links has each of them several times.
  return [...new Set(all.map((each) => `${each.trim()}\n`))]
}

/** What a connection to a host is checked by. Made once: it holds every root. */
export function verifying(roots: readonly string[]): SecureContext {
  return createSecureContext({ ca: [...roots], minVersion: 'TLSv1.2' })
}
