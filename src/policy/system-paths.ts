/**
 * The read-only system of every sandbox: programs and libraries, and of `/etc` only what programs need in order to start
 * and what is the same on every host of its kind. Not there on purpose: `/etc/shadow`, `ssh`, `hostname`, `hosts`,
 * `resolv.conf`, `passwd`, `machine-id` (the launcher writes its own), `/etc/ssl/private`, `/var`, `/opt`, `/srv`, `/run`.
 * Each entry costs every start some 20 µs, so what only administrators' tools read is not here either (`ld.so.conf`,
 * `ca-certificates.conf`).
 */
export const systemPrograms: readonly string[] = [
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/nix/store',
  '/gnu/store',
]

export const systemConfiguration: readonly string[] = [
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
