import { isAbsolute, join, resolve } from 'node:path'
import { listServers } from '../../config/overview.ts'
import { readScopes } from '../../config/scopes.ts'
import { GloveboxError } from '../../errors.ts'
import { packageRoot } from '../../package-root.ts'
import { connectUnix } from '../../system/connect-unix.ts'
import { hasCode } from '../../system/error-code.ts'
import { places } from '../../system/places.ts'
import { runInherited } from '../../system/run-inherited.ts'
import { standardDuplex } from '../../system/standard-duplex.ts'
import { writeWhole } from '../../system/write-whole.ts'
import type { ShownSshConfig } from '../../ui/ssh-config.ts'
import { createWayIn } from '../publish/way-in.ts'
import { enter } from '../running/entry.ts'
import { listRunning } from '../running/list.ts'
import { requireRunning } from '../running/require.ts'
import { onEndingSignals } from '../signals.ts'
import { hostOf, sshConfig, sshOptions, type ProxyWords } from './config.ts'
import { sshKeys } from './keys.ts'
import { serveSsh } from './serve.ts'

/** Moves what a client that was started from elsewhere would look for in another place. */
const placing = ['GLOVEBOX_HOME', 'XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_RUNTIME_DIR'] as const

/**
 * The system's own ssh with a running sandbox at the other end. Returns its exit code.
 * @throws GloveboxError for a name that means no sandbox, or without ssh
 */
export async function connectSsh(
  name: string,
  { command, forward }: { command: readonly string[]; forward: readonly string[] },
): Promise<number> {
  const here = places(process.env)
  // Asked here too: ssh could only tell that nobody answered.
  const { id } = await requireRunning(name, process.env)
  const options = sshOptions(id, sshKeys(here), proxyWords(process.env))
  const words = [
    '-F',
    'none',
    ...options.flatMap(([key, value]) => ['-o', `${key}=${value}`]),
    ...forward.flatMap((spec) => ['-L', spec]),
    '--',
    hostOf(id),
    ...command,
  ]
  try {
    return await runInherited('ssh', words, process.env)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
    throw new GloveboxError('HOST_CANNOT', 'this machine has no ssh', {
      cause: error,
      fix: 'install the OpenSSH client (Debian: apt-get install openssh-client); glovebox shell needs none',
    })
  }
}

/** Speaks SSH on our stdin and stdout, for a client that started us as its ProxyCommand. Returns the exit code. */
export async function serveSshOnStdio(name: string): Promise<number> {
  const here = places(process.env)
  const sandbox = await requireRunning(name, process.env)
  const { socket, silenceMs } = sandbox
  return enter(sandbox, { kind: 'ssh', command: [] }, async (inside) => {
    const transport = standardDuplex()
    if (transport === undefined) {
      throw new GloveboxError('USAGE', 'ssh --proxy: stdin and stdout are no pipes', {
        fix: `it is for ssh's ProxyCommand; glovebox ssh ${name} starts ssh with it`,
      })
    }
    const ports = createWayIn(async () => connectUnix(socket ?? ''), silenceMs)
    // ssh ends its ProxyCommand by a signal: how this ended is in the record all the same.
    const asked = Promise.withResolvers<void>()
    let isOver = false
    const release = onEndingSignals(() => {
      isOver = true
      asked.resolve()
      transport.destroy()
    })
    try {
      const served = serveSsh(transport, sshKeys(here), {
        inside,
        ports,
        directory: sandbox.directory ?? '/',
        tell: (message) => void (isOver || process.stderr.write(`glovebox: ${message}\n`)),
      })
      served.catch(() => undefined) // told by the race, unless a signal came first
      await Promise.race([served, asked.promise])
      return { code: 0, how: 'the connection was closed' }
    } finally {
      release()
      ports.close()
    }
  })
}

/** Of one sandbox or server, or of all that are configured or run; that of all is written to a file, too. */
export async function printSshConfig(name: string | undefined): Promise<ShownSshConfig> {
  const here = places(process.env)
  const keys = sshKeys(here)
  const names = name === undefined ? await namesHere() : [checkedName(name)]
  const proxy = proxyWords(process.env)
  const text = sshConfig(names.map((each) => ({ name: each, options: sshOptions(each, keys, proxy) })))
  const file = name === undefined ? join(keys.directory, 'config') : undefined
  if (file !== undefined) writeWhole(file, text)
  return { text, hosts: names.map(hostOf), file }
}

async function namesHere(): Promise<string[]> {
  const here = places(process.env)
  const scopes = await readScopes({ cwd: process.cwd(), places: here }, undefined)
  const configured = listServers(scopes).map((server) => server.name)
  const running = listRunning(here).filter(({ spare }) => spare !== true)
  return [...new Set([...configured, ...running.map(({ server }) => server)])]
    .filter((name) => isName.test(name))
    .toSorted()
}

/** As servers of a configuration are named, and ids: neither ssh_config nor a shell sees anything in it. */
const isName = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/

function checkedName(name: string): string {
  if (isName.test(name)) return name
  throw new GloveboxError('USAGE', `"${name}" is no name that ssh_config can have`, {
    fix: 'name the sandbox by its id: glovebox status',
  })
}

/** How a client starts us again: by absolute paths, as it may have neither our PATH nor our directory. */
function proxyWords(env: NodeJS.ProcessEnv): ProxyWords {
  const script = process.argv[1] ?? ''
  const program = [process.execPath, isAbsolute(script) ? script : resolve(packageRoot(), 'bin/glovebox.cjs')]
  const set = placing.flatMap((name) => {
    const value = env[name]
    return value === undefined || value === '' ? [] : [[name, value] as const]
  })
  return { program, env: Object.fromEntries(set) }
}
