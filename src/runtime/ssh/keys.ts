import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { GloveboxError } from '../../errors.ts'
import { makeDirectory } from '../../system/make-directory.ts'
import type { Places } from '../../system/places.ts'
import { hasCode } from '../../system/error-code.ts'
import { randomHex } from '../../system/random-hex.ts'
import { writeWhole } from '../../system/write-whole.ts'
import { ownDirectory } from '../running/own-directory.ts'

/** Of this user, for all their sandboxes: both ends of the connection are this user's processes on this machine. */
export interface SshKeys {
  readonly directory: string
  /** Paths for the client. */
  readonly userKey: string
  readonly knownHosts: string
  /** The server's own key, in OpenSSH's format. */
  readonly hostKey: string
  /** `ssh-ed25519 AAAA…`: who may come in. */
  readonly userPublic: string
}

/** The name that the server's key goes by in `known_hosts`, whatever the host is called. */
export const hostKeyAlias = 'glovebox'

/**
 * The keys, made when they are first needed; nothing of them ever goes inside.
 * @throws GloveboxError REFUSED where their place is somebody else's, or a key can be read by others
 */
export function sshKeys(places: Places): SshKeys {
  makeDirectory(places.state)
  const directory = join(places.state, 'ssh')
  ownDirectory(directory)
  const host = keyPair(directory, 'host_key')
  const user = keyPair(directory, 'user_key')
  const knownHosts = join(directory, 'known_hosts')
  put(knownHosts, `${hostKeyAlias} ${host.public}\n`)
  return { directory, userKey: user.path, knownHosts, hostKey: host.private, userPublic: user.public }
}

function keyPair(directory: string, name: string): { path: string; private: string; public: string } {
  const path = join(directory, name)
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    putOnce(path, newKey(`glovebox ${name}`))
  }
  const { mode, uid } = statSync(path)
  if ((mode & 0o077) !== 0 || uid !== process.getuid?.()) {
    throw new GloveboxError('REFUSED', `${path} can be read by others`, {
      fix: `remove it, and a new one is made: rm ${path} ${path}.pub`,
    })
  }
  const text = readFileSync(path, 'utf8')
  const key = ssh2.utils.parseKey(text)
  if (key instanceof Error) {
    throw new GloveboxError('FAILED', `${path} is no key: ${key.message}`, {
      cause: key,
      fix: `remove it, and a new one is made: rm ${path} ${path}.pub`,
    })
  }
  const line = `${key.type} ${key.getPublicSSH().toString('base64')}`
  // ssh(1) names the key by it, and asks for no passphrase meanwhile.
  put(`${path}.pub`, `${line} glovebox\n`)
  return { path, private: text, public: line }
}

/** One in some hundred of those that ssh2 makes is none that it reads (a number in it loses a byte): such a one is made again. */
export function newKey(comment: string): string {
  for (let tries = 0; tries < 16; tries++) {
    const { private: text } = ssh2.utils.generateKeyPairSync('ed25519', { comment })
    if (!(ssh2.utils.parseKey(text) instanceof Error)) return text
  }
  throw new GloveboxError('INTERNAL', 'no key could be made that can be read')
}

/** Whole or not at all, and the first of two processes wins: a half-written key would keep everybody out. */
function putOnce(path: string, text: string): void {
  const fresh = `${path}.${randomHex(4)}`
  try {
    writeFileSync(fresh, text, { mode: 0o600, flag: 'wx' })
    linkSync(fresh, path)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  } finally {
    rmSync(fresh, { force: true })
  }
}

/** What follows from a key. */
function put(path: string, text: string): void {
  const there = statSync(path, { throwIfNoEntry: false }) === undefined ? undefined : readFileSync(path, 'utf8')
  if (there !== text) writeWhole(path, text)
}
