import { GloveboxError } from '../errors.ts'

/**
 * A secret as a plan has it: what it is called, where it comes from, to whom it goes and how. Never its value, which is
 * read at the start (`src/egress/secrets/`).
 */
export interface Secret {
  readonly name: string
  readonly from: SecretSource
  /** The only ones that it is sent to; empty: it is `exposed`. */
  readonly hosts: readonly SecretHost[]
  readonly put: Placement
  /** Whether what the sandbox says to its hosts over TLS is read, which is what it takes to put something in. */
  readonly intercept: boolean
  /** The value itself is in the sandbox's environment. */
  readonly exposed: boolean
}

export interface SecretSource {
  readonly kind: SourceKind
  /** What stands behind the colon: a variable, a path, a command line, `SERVICE/ACCOUNT`. */
  readonly at: string
}

export type SourceKind = 'env' | 'file' | 'cmd' | 'keyring'

export interface SecretHost {
  /** As it was written: what messages and the record call it. */
  readonly text: string
  /** Lower case, without a port. `below`: every name under it, at any depth, and not itself. */
  readonly name: string
  readonly below: boolean
  readonly port: number
}

/** Where in a request a secret stands. */
export type Placement =
  /** `scheme`: the word before it (`Bearer`), or undefined. */
  | { readonly in: 'header'; readonly name: string; readonly scheme: string | undefined }
  | { readonly in: 'query'; readonly name: string }
  /** As the password of HTTP basic authentication (RFC 7617). */
  | { readonly in: 'basic'; readonly user: string }

/** Whether a secret is bound to this host. `name`: lower case, no final dot. */
export function isBound({ hosts }: Secret, name: string, port: number): boolean {
  return hosts.some((host) => host.port === port && (host.below ? name.endsWith(`.${host.name}`) : name === host.name))
}

/**
 * Every host of every secret has to be one that may be connected to: a binding opens nothing.
 * @throws GloveboxError POLICY_INVALID naming the line to add
 */
export function requireReachable(secrets: readonly Secret[], isAllowed: (host: SecretHost) => boolean): void {
  for (const { name, hosts } of secrets) {
    const host = hosts.find((each) => !isAllowed(each))
    if (host === undefined) continue
    throw new GloveboxError('POLICY_INVALID', `secrets.${name}: ${host.text} may not be connected to`, {
      fix: `add "${host.text}" to network.allow (--allow-net ${host.text})`,
    })
  }
}

/** The hosts whose TLS is read: what an authority is made for. Of a pattern, what stands behind the star. */
export function interceptedHosts(secrets: readonly Secret[]): string[] {
  const hosts = secrets.filter(({ intercept }) => intercept).flatMap((secret) => secret.hosts)
  return [...new Set(hosts.map(({ name }) => name))]
}

/** `env:NAME`, as it was written: names of variables, paths and commands are no secrets. */
export function sourceText({ kind, at }: SecretSource): string {
  return `${kind}:${at}`
}

/** A secret in a line, for plans and tables. */
export function describeSecret(secret: Secret): string {
  const { from, hosts, put, intercept, exposed } = secret
  if (exposed) return `${sourceText(from)}, exposed: the value itself is in the sandbox's environment`
  const to = hosts.map(({ text }) => text).join(', ')
  return `${sourceText(from)} to ${to} in ${placementText(put)}${intercept ? ', TLS is read' : ''}`
}

export function placementText(put: Placement): string {
  if (put.in === 'query') return `the query as ${put.name}`
  if (put.in === 'basic') return `basic authentication of ${put.user === '' ? 'nobody' : put.user}`
  return `the header ${put.name}${put.scheme === undefined ? '' : `: ${put.scheme}`}`
}
