import { synthetic } from './network.ts'

/** What the sandbox's HOME is: a directory on its own tmpfs. */
export const sandboxHome = '/home/user'

const standardPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** Variables that say how to speak to the user, not who the user is. */
const inherited = ['LANG', 'LANGUAGE', 'LC_ALL', 'LC_CTYPE', 'LC_MESSAGES', 'LC_NUMERIC', 'LC_TIME', 'TZ']
const inheritedOnTerminal = ['TERM', 'COLORTERM', 'COLUMNS', 'LINES']

/**
 * The sandbox's whole environment: ours is dropped (it holds keys, proxies and preload variables)
 * but for locale and time zone, and `wanted` is laid over it.
 */
export function sandboxEnvironment(
  host: Readonly<Record<string, string | undefined>>,
  wanted: Readonly<Record<string, string>>,
  options: { searchPath: readonly string[]; terminal: boolean; network: boolean },
): Record<string, string> {
  const path = [...new Set([...options.searchPath, ...standardPath])].join(':')
  const env: Record<string, string> = {
    PATH: path,
    HOME: sandboxHome,
    USER: 'user',
    LOGNAME: 'user',
    TMPDIR: '/tmp',
    GLOVEBOX: '1',
  }
  for (const name of options.terminal ? [...inherited, ...inheritedOnTerminal] : inherited) {
    const value = host[name]
    if (value !== undefined) env[name] = value
  }
  return { ...env, ...(options.network ? proxyVariables(wanted) : {}), ...wanted }
}

/**
 * Where programs that prefer a proxy find ours. Those that know none need none. In both spellings, since each is read by
 * some that do not read the other; what the user has set in either is left to the user.
 */
function proxyVariables(wanted: Readonly<Record<string, string>>): Record<string, string> {
  const { address, port } = synthetic.proxy
  const variables = {
    HTTP_PROXY: `http://${address}:${port}`,
    HTTPS_PROXY: `http://${address}:${port}`,
    // With "h" the proxy is given the name, and not an address that the program has looked up.
    ALL_PROXY: `socks5h://${address}:${port}`,
    NO_PROXY: 'localhost,127.0.0.1,::1',
  }
  const isFree = (name: string): boolean => !Object.hasOwn(wanted, name) && !Object.hasOwn(wanted, name.toLowerCase())
  return Object.fromEntries(
    Object.entries(variables)
      .filter(([name]) => isFree(name))
      .flatMap(([name, value]) => [
        [name, value],
        [name.toLowerCase(), value],
      ]),
  )
}
