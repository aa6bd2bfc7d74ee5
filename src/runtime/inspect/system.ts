import { lstatSync, realpathSync } from 'node:fs'
import type { SystemPath } from '../../policy/host-facts.ts'

/**
 * The read-only system of every sandbox: programs and libraries, and of `/etc` only what programs need in order to start
 * and what is the same on every host of its kind. Not there on purpose: `/etc/shadow`, `ssh`, `hostname`, `hosts`,
 * `resolv.conf`, `passwd`, `machine-id` (the launcher writes its own), `/etc/ssl/private`, `/var`, `/opt`, `/srv`, `/run`.
 * Each entry costs every start some 20 µs, so what only administrators' tools read is not here either (`ld.so.conf`,
 * `ca-certificates.conf`).
 */
const programs = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/nix/store', '/gnu/store']

const configuration = [
  '/etc/alternatives',
  '/etc/crypto-policies',
  '/etc/fonts',
  '/etc/ld.so.cache',
  '/etc/localtime',
  '/etc/mime.types',
  '/etc/pki/ca-trust/extracted',
  '/etc/pki/tls/certs',
  '/etc/protocols',
  '/etc/services',
  '/etc/ssl/certs',
  '/etc/ssl/openssl.cnf',
  '/etc/timezone',
]

/** What of it this host has. Links at the top (`/bin` on a merged-/usr system) are made by the launcher. */
export function inspectSystem(): SystemPath[] {
  return [...present(programs, true), ...present(configuration, false)]
}

function present(paths: readonly string[], exec: boolean): SystemPath[] {
  const found: SystemPath[] = []
  for (const path of paths) {
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (stat === undefined || (exec && stat.isSymbolicLink())) continue
    found.push({ path, source: stat.isSymbolicLink() ? realpathSync(path) : path, exec })
  }
  return found
}
