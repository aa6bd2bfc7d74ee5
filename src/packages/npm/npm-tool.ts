import { join } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { synthetic } from '../../policy/network.ts'
import { makeDirectory } from '../../system/make-directory.ts'
import { places } from '../../system/places.ts'
import { reachOf } from '../installer/reach.ts'
import { runInstaller } from '../installer/run-installer.ts'
import type { ToolResult } from '../../system/run-tool.ts'
import { offlineError, proxyFor, withoutCredentials, type Registry } from '../reachable.ts'
import { findNpm } from './find-npm.ts'
import { readNpmSettings, withoutPreload, type NpmSettings } from './npm-settings.ts'

/**
 * npm with one Node, the user's own configuration (registries, tokens, proxies), and no script of any package. What speaks
 * with a registry runs in a sandbox.
 */
export interface NpmTool {
  /** What it prints, parsed. @throws GloveboxError that names the registry when it cannot be reached */
  json(args: readonly string[], cwd: string): Promise<unknown>
  /** For commands that print nothing of use. */
  run(args: readonly string[], cwd: string): Promise<void>
  /** `npm audit`, whose exit code says that something was found. @throws when nobody could be asked */
  audit(cwd: string): Promise<unknown>
  /** Where npm takes a package of this name from. @throws GloveboxError when it does not say */
  registry(name: string): Promise<Registry>
  /** Where npm would take packages from if nobody had configured anything. */
  usualRegistry(): Promise<string>
}

/** Laid over any configuration: what would run code, write elsewhere, or make the result depend on this machine. */
const settings = [
  '--ignore-scripts=true',
  '--fund=false',
  '--update-notifier=false',
  '--global=false',
  '--location=project',
  '--workspaces=false',
  '--install-strategy=hoisted',
  '--install-links=false',
  '--package-lock=true',
  '--omit-lockfile-registry-resolved=true',
  '--omit=dev',
  '--include=optional',
  '--include=peer',
  '--engine-strict=false',
  '--dry-run=false',
  '--bin-links=true',
  '--loglevel=error',
  '--json',
]

/** A connection on which nothing comes for so long is given up; npm itself waits for five minutes (config(7), fetch-timeout). */
const stallMs = 30_000

export function npmTool(options: {
  node: string
  env: NodeJS.ProcessEnv
  offline: boolean
  signal: AbortSignal | undefined
  /** Read once for several. */
  settings?: () => Promise<NpmSettings>
}): NpmTool {
  const { node, offline, signal } = options
  const env = withoutPreload(options.env)
  const program = findNpm(node, env)
  const quick = offline
    ? ['--offline=true']
    : ['--fetch-retries=1', '--fetch-retry-mintimeout=500', `--fetch-timeout=${stallMs}`]

  const settingsHere = options.settings ?? (async () => readNpmSettings(node, env, signal))

  /** What it keeps between runs is Glovebox's own: the user's npm is not handed what a sandbox has written. */
  async function inSandbox(args: readonly string[], cwd: string): Promise<ToolResult> {
    const { urls, more, read, env: inside, hostEnv } = await settingsHere()
    const cache = join(places(env).cache, 'npm')
    const temporary = join(cache, 'tmp')
    makeDirectory(temporary)
    // The root is no directory that a sandbox sees.
    const place = cwd === '/' ? temporary : cwd
    const { address, port } = synthetic.proxy
    const proxy = `http://${address}:${port}`
    const fixed = [`--cache=${cache}`, `--proxy=${proxy}`, `--https-proxy=${proxy}`, '--noproxy=']
    return runInstaller({
      name: 'npm',
      command: [
        program.file,
        ...program.prefix,
        ...args,
        ...settings,
        `--audit=${args[0] === 'audit'}`,
        ...quick,
        ...fixed,
        `--prefix=${place}`,
      ],
      cwd: place,
      env: { ...inside, TMPDIR: temporary, NO_PROXY: '', no_proxy: '' },
      hostEnv,
      read,
      write: [cache, ...(place === cwd ? [cwd] : [])],
      reach: offline ? { allow: [], private: [] } : await reachOf(urls, more, signal),
      signal,
    })
  }

  async function call(args: readonly string[], cwd: string): Promise<string> {
    const result = await inSandbox(args, cwd)
    if (result.code === 0) return result.stdout
    throw await failure(result.stdout, result.stderr, args)
  }

  async function failure(stdout: string, stderr: string, args: readonly string[]): Promise<GloveboxError> {
    const { code, summary } = errorIn(stdout) ?? { code: '', summary: firstLine(stderr) }
    const what = summary.split('\n')[0] ?? code
    if (unreachable.has(code)) return offlineError((await registry(nameAmong(args))).url, `${code}: ${what}`)
    return npmFailure(code, what)
  }

  async function registry(name: string): Promise<{ url: string; via: string | undefined }> {
    const [scope] = name.split('/')
    const { text } = await settingsHere()
    const set = (key: string): string | undefined => (URL.canParse(text(key) ?? '') ? text(key) : undefined)
    const url = set(`${scope}:registry`) ?? set('registry')
    if (url === undefined) throw noRegistry()
    const proxy = url.startsWith('https:') ? (set('https-proxy') ?? set('proxy')) : set('proxy')
    return { url: withoutCredentials(url), via: proxy ?? proxyFor(url, env) }
  }

  /** npm's own defaults: no file of this machine or this user, and no variable. */
  async function usualRegistry(): Promise<string> {
    const bare = Object.entries(env).filter(([key]) => !/^npm_config_/i.test(key))
    // npm refuses to read one file as both.
    const files = { npm_config_userconfig: '/dev/null', npm_config_globalconfig: '/dev/null/none' }
    const { text } = await readNpmSettings(node, { ...Object.fromEntries(bare), ...files }, signal)
    const url = text('registry')
    if (url === undefined || !URL.canParse(url)) throw noRegistry()
    return url
  }

  return {
    json: async (args, cwd) => JSON.parse(await call(args, cwd)) as unknown,
    run: async (args, cwd) => void (await call(args, cwd)),
    async audit(cwd) {
      const { stdout, stderr } = await inSandbox(['audit', '--package-lock-only'], cwd)
      if (!/"auditReportVersion"/.test(stdout)) throw await failure(stdout, stderr, [])
      return JSON.parse(stdout) as unknown
    },
    registry,
    usualRegistry,
  }
}

function noRegistry(): GloveboxError {
  return new GloveboxError('FAILED', 'npm names no address as its registry', {
    fix: 'npm config get registry shows what it has; npm config delete registry takes a wrong one out',
  })
}

/** npm's and Node's codes for a registry that does not answer; ENOTCACHED is npm's for `--offline`. */
const unreachable: ReadonlySet<string> = new Set(
  'ENOTFOUND ECONNREFUSED ECONNRESET EAI_AGAIN ETIMEDOUT ERR_SOCKET_TIMEOUT EHOSTUNREACH ENETUNREACH ENOTCACHED FETCH_ERROR EIDLETIMEOUT'.split(
    ' ',
  ),
)

function npmFailure(code: string, what: string): GloveboxError {
  switch (code) {
    case 'E404':
      return new GloveboxError('NOT_FOUND', `npm: ${what}`, { fix: 'check the name of the package' })
    case 'ETARGET':
      return new GloveboxError('NOT_FOUND', `npm: ${what}`, { fix: 'check the version: npm view NAME versions' })
    case 'E401':
    case 'E403':
    case 'ENEEDAUTH':
      return new GloveboxError('FAILED', `npm: ${what}`, {
        fix: 'npm login, or put a token for this registry in .npmrc',
      })
    case 'EINTEGRITY':
      return new GloveboxError('REFUSED', `npm: what was downloaded is not what the registry announced: ${what}`, {
        fix: 'try again; when it stays, the registry or a mirror serves something else',
      })
    default:
      return new GloveboxError('FAILED', `npm: ${code} ${what}`.trim(), { fix: 'the same with npm install shows more' })
  }
}

function errorIn(stdout: string): { code: string; summary: string } | undefined {
  try {
    type Told = { code?: string; summary?: string; detail?: string }
    // `npm audit` puts the registry's refusal at the top.
    const { error, message, statusCode } = JSON.parse(stdout) as { error?: Told; message?: string; statusCode?: number }
    if (message !== undefined) return { code: `E${statusCode ?? ''}`, summary: message }
    return error === undefined ? undefined : { code: error.code ?? '', summary: error.summary ?? error.detail ?? '' }
  } catch {
    return undefined // npm itself failed before it could say so in JSON: its stderr does
  }
}

function firstLine(text: string): string {
  return text.split('\n').find((line) => line.trim() !== '') ?? 'it failed and said nothing'
}

function nameAmong(args: readonly string[]): string {
  const spec = args.find((word, index) => index > 0 && !word.startsWith('-')) ?? ''
  const at = spec.indexOf('@', 1)
  return at < 0 ? spec : spec.slice(0, at)
}
