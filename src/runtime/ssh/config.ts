import { GloveboxError } from '../../errors.ts'
import { hostKeyAlias, type SshKeys } from './keys.ts'

/** How a client reaches one sandbox; the names are those of ssh_config(5). */
export type SshOptions = readonly (readonly [string, string])[]

export interface ProxyWords {
  /** Absolute: editors that were started from a desktop have no PATH. */
  readonly program: readonly string[]
  /** Where Glovebox keeps its things, where that is not the default. */
  readonly env: Readonly<Record<string, string>>
}

/** What a sandbox is called in ssh_config. */
export function hostOf(name: string): string {
  return `${name}.glovebox`
}

/**
 * Nothing is listened on and nothing connected to: the client's own stdin and stdout lead to a process of ours. The name is
 * written out and never taken from what the client was called with (`%n`, `%h`), which a shell would read.
 * @throws GloveboxError USAGE for a path that ssh_config cannot hold
 */
export function sshOptions(name: string, keys: Pick<SshKeys, 'userKey' | 'knownHosts'>, proxy: ProxyWords): SshOptions {
  const env = Object.entries(proxy.env).map(([variable, value]) => `${variable}=${value}`)
  const words = [...(env.length > 0 ? ['env', ...env] : []), ...proxy.program, 'ssh', '--proxy', name]
  return [
    ['ProxyCommand', words.map(shellWord).join(' ')],
    ['User', 'glovebox'],
    ['HostKeyAlias', hostKeyAlias],
    ['UserKnownHostsFile', quoted(keys.knownHosts)],
    ['GlobalKnownHostsFile', '/dev/null'],
    ['StrictHostKeyChecking', 'yes'],
    ['UpdateHostKeys', 'no'],
    ['IdentityFile', quoted(keys.userKey)],
    ['IdentitiesOnly', 'yes'],
    // Not even asked: what is in there is nothing for a sandbox.
    ['IdentityAgent', 'none'],
    ['PreferredAuthentications', 'publickey'],
    ['ForwardAgent', 'no'],
    ['ForwardX11', 'no'],
    ['Compression', 'no'],
    ['Ciphers', 'aes128-gcm@openssh.com,aes256-gcm@openssh.com'],
    ['LogLevel', 'ERROR'],
  ]
}

/** Blocks for an `Include` in the user's ~/.ssh/config. */
export function sshConfig(hosts: readonly { readonly name: string; readonly options: SshOptions }[]): string {
  const blocks = hosts.map(({ name, options }) => {
    const lines = options.map(([key, value]) => `  ${key} ${value}\n`).join('')
    return `\nHost ${hostOf(name)}\n${lines}`
  })
  return `# Written by glovebox ssh --config, and again by the next one.\n${blocks.join('')}`
}

/** For the shell that ssh starts a ProxyCommand with, and for ssh before it, to which a percent sign is a token. */
function shellWord(word: string): string {
  const text = checked(word).replaceAll('%', '%%')
  return /^[A-Za-z0-9_./:=%@+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** A path as ssh_config takes it: quoted, a percent sign doubled. A double quote, and `~` or `${` in it, would mean more. */
function quoted(path: string): string {
  if (/["\\]|\$\{/.test(path)) throw unwritable(path)
  return `"${checked(path).replaceAll('%', '%%')}"`
}

function checked(text: string): string {
  if (/[\p{Cc}]/u.test(text)) throw unwritable(text)
  return text
}

function unwritable(path: string): GloveboxError {
  return new GloveboxError('USAGE', `ssh_config cannot hold the path ${JSON.stringify(path)}`, {
    fix: 'set GLOVEBOX_HOME to a directory without quotes, backslashes, ${ and control characters',
  })
}
