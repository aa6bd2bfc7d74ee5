import assert from 'node:assert/strict'
import { spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Runner } from './as-user.ts'
import { asIdentity, glovebox } from './mcp-client.ts'

/** Why the real clients cannot be used: `unlessPresent('SSH', whyNoSsh())`. */
export function whyNoSsh(): string | undefined {
  const missing = ['ssh', 'scp', 'sftp'].find((name) => !existsSync(`/usr/bin/${name}`))
  return missing === undefined ? undefined : `${missing} is not installed`
}

export interface Done {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: Buffer
  readonly stderr: string
}

/** OpenSSH's clients for one runner, with the configuration that `glovebox ssh --config` wrote. */
export interface Clients {
  readonly config: string
  /** `PROGRAM -F CONFIG …`. */
  readonly start: (program: 'ssh' | 'scp' | 'sftp', ...words: string[]) => ChildProcess
  readonly run: (program: 'ssh' | 'scp' | 'sftp', ...words: string[]) => Promise<Done>
  /** Any program, as somebody whom ssh knows. */
  readonly words: (program: string, ...words: string[]) => [string, ...string[]]
  readonly plain: (program: string, ...words: string[]) => Promise<Done>
  /** The same with another configuration, made of this one. */
  readonly altered: (change: (config: string) => string) => Clients
}

/**
 * ssh(1) serves nobody without an entry in passwd(5), which the tests' user has not: for it the clients run in a mount
 * namespace of their own, where it has one.
 */
export function clientsOf(runner: Runner): Clients {
  const [program, ...args] = glovebox(runner, ['ssh', '--config'])
  const written = runner.spawnSync(program, args)
  assert.equal(written.status, 0, written.stderr)
  const [, config = ''] = /^written to (.+); at the top/.exec(written.stderr) ?? []
  assert.ok(existsSync(config), written.stderr)
  const words = (name: string, ...more: string[]): [string, ...string[]] => {
    const plain: [string, ...string[]] = [name, ...more]
    if (isKnown(runner.uid)) return asIdentity(runner, plain)
    const passwd = path.join(runner.tmp, 'passwd')
    writeFileSync(passwd, `tester:x:${runner.uid}:${runner.gid}::${runner.home}:/bin/sh\n`, { mode: 0o644 })
    chownSync(passwd, runner.uid, runner.gid)
    const script = 'mount --bind "$0" /etc/passwd && exec "$@"'
    const apart = process.getuid?.() === 0 ? [] : ['--user', '--map-current-user', '--keep-caps']
    return ['unshare', ...apart, '--mount', 'sh', '-c', script, passwd, ...asIdentity(runner, plain)]
  }
  return clientsWith(runner, config, words)
}

function clientsWith(runner: Runner, config: string, words: Clients['words']): Clients {
  // As whom it runs is said by the words.
  const spawn = ([file, ...rest]: [string, ...string[]]): ChildProcess =>
    runner.spawn(file, rest, { stdio: 'pipe', uid: process.getuid?.(), gid: process.getgid?.() })
  const silent = async (child: ChildProcess): Promise<Done> => {
    child.stdin?.end()
    return ended(child)
  }
  const start: Clients['start'] = (name, ...more) => spawn(words(name, '-F', config, ...more))
  return {
    config,
    words,
    start,
    run: async (name, ...more) => silent(start(name, ...more)),
    plain: async (...more) => silent(spawn(words(...more))),
    altered(change) {
      const file = path.join(runner.home, `config-${randomBytes(4).toString('hex')}`)
      writeFileSync(file, change(readFileSync(config, 'utf8')))
      chownSync(file, runner.uid, runner.gid)
      return clientsWith(runner, file, words)
    },
  }
}

export async function ended(child: ChildProcess): Promise<Done> {
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk))
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { code, signal, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() }
}

function isKnown(uid: number): boolean {
  return spawnSync('getent', ['passwd', String(uid)]).status === 0
}
