import { existsSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PlanMount } from '../../policy/plan.ts'

/** What makes the programs of one sandbox believe its authority. */
export interface TrustInside {
  readonly mounts: readonly PlanMount[]
  readonly env: Readonly<Record<string, string>>
}

/** Where it is inside: a place of ours, which no system has. */
const bundleInside = '/etc/glovebox/authorities.pem'
const ownInside = '/etc/glovebox/authority.pem'

/** Where systems keep the one file with all authorities that programs read which nobody told of another. */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/ssl/cert.pem',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
]

/** Variables that name a file of *all* authorities to believe, and whose it is. */
const bundleVariables = [
  'SSL_CERT_FILE', // OpenSSL, Go, Ruby, Python's ssl
  'REQUESTS_CA_BUNDLE', // Python's requests
  'CURL_CA_BUNDLE',
  'GIT_SSL_CAINFO',
  'PIP_CERT',
  'AWS_CA_BUNDLE',
  'CARGO_HTTP_CAINFO',
  'NIX_SSL_CERT_FILE',
  'npm_config_cafile',
  'DENO_CERT',
]

/**
 * Writes the files into a directory that the sandbox's owner alone can enter. They are shown inside in a place of our own,
 * named by every variable that is known to name one, and over the system's own file for programs that look nowhere else.
 */
export function trustInside(directory: string, authority: string, roots: readonly string[]): TrustInside {
  const [own, bundle] = [join(directory, 'authority.pem'), join(directory, 'authorities.pem')]
  write(own, authority)
  write(bundle, [authority, ...roots].join(''))
  return {
    mounts: [mount(own, ownInside), mount(bundle, bundleInside), ...systemPlaces().map((path) => mount(bundle, path))],
    env: {
      ...Object.fromEntries(bundleVariables.map((name) => [name, bundleInside])),
      // Node reads it beside its own, at every start: no more than is needed.
      NODE_EXTRA_CA_CERTS: ownInside,
    },
  }
}

/** Readable by all: the sandbox of a root is another user. Nothing in it is secret, and the directory is closed. */
function write(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o444, flag: 'wx' })
}

/** Links resolved: what is mounted over is a file of the system's own mounts. */
function systemPlaces(): string[] {
  return [...new Set(systemBundles.filter((path) => existsSync(path)).map((path) => realpathSync.native(path)))]
}

function mount(source: string, target: string): PlanMount {
  return { source, target, access: 'read', exec: false, owner: 'system', why: 'secrets' }
}
