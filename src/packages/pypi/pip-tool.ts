import { realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { synthetic } from '../../policy/network.ts'
import { makeDirectory } from '../../system/make-directory.ts'
import { places } from '../../system/places.ts'
import { reachOf } from '../installer/reach.ts'
import { runInstaller } from '../installer/run-installer.ts'
import { runTool, type ToolResult } from '../../system/run-tool.ts'
import { offlineError, withoutCredentials } from '../reachable.ts'
import { readPipSettings, type PipSettings } from './pip-settings.ts'
import { pythonEnvironment, type Python } from './pythons.ts'

/**
 * pip with the user's own configuration (indexes, tokens, proxies), for one Python, and wheels only: nothing is built. What
 * speaks with an index runs in a sandbox.
 */
export interface PipTool {
  /** `pip install` with these words; `tree`: what it may write into. @throws GloveboxError that names the index when it cannot be reached */
  install(target: string, words: readonly string[], tree?: string): Promise<string>
  /** All versions in the index, the newest first; undefined when pip does not say. */
  versions(name: string): Promise<readonly string[] | undefined>
  /** The index that pip takes packages from. @throws GloveboxError when it does not say */
  index(): Promise<string>
  /** The one that it would take if nobody had configured anything. */
  usualIndex(): Promise<string>
}

/** What holds over the user's configuration. */
const fixedEnv = {
  PIP_DISABLE_PIP_VERSION_CHECK: '1',
  PIP_NO_INPUT: '1',
  PIP_NO_COLOR: '1',
  PIP_ROOT_USER_ACTION: 'ignore',
  PIP_REQUIRE_VIRTUALENV: '0',
  PIP_USER: '0',
}

export function pipTool(options: {
  driver: Python
  env: NodeJS.ProcessEnv
  signal: AbortSignal | undefined
  /** Where they are remembered for several of these, each a start of pip. */
  index?: (read: () => Promise<string>) => Promise<string>
  settings?: (read: () => Promise<PipSettings>) => Promise<PipSettings>
}): PipTool {
  const { driver, signal } = options
  const home = options.env['HOME'] ?? homedir()
  const env = { ...pythonEnvironment(options.env), ...fixedEnv }

  async function call(words: readonly string[], from: NodeJS.ProcessEnv = env): Promise<ToolResult> {
    return runTool({ file: driver.path, args: ['-I', '-m', 'pip', ...words], cwd: '/', env: from, signal })
  }

  /** What it keeps between runs is Glovebox's own: the user's pip is not handed what a sandbox has written. */
  async function inSandbox(words: readonly string[], target: string, tree?: string): Promise<ToolResult> {
    const read = async (): Promise<PipSettings> => readPipSettings({ call, index, env, home })
    const settings = await (options.settings?.(read) ?? read())
    const cache = join(places(env).cache, 'pip')
    const temporary = join(cache, 'tmp')
    makeDirectory(temporary)
    const { address, port } = synthetic.proxy
    const fixed = [`--cache-dir=${cache}`, `--proxy=http://${address}:${port}`]
    return runInstaller({
      name: 'pip',
      command: [driver.path, '-I', '-m', 'pip', ...fixed, ...words],
      cwd: temporary,
      env: { ...settings.env, ...fixedEnv, TMPDIR: temporary, NO_PROXY: '', no_proxy: '' },
      hostEnv: settings.hostEnv,
      read: [...settings.read, ...prefixOf(target)],
      write: tree === undefined ? [cache] : [cache, tree],
      reach: await reachOf(settings.urls, settings.more, signal),
      signal,
    })
  }

  /** Its help names the index that holds, after all files and variables, and without the password in it. */
  async function indexWith(from: NodeJS.ProcessEnv): Promise<string> {
    const { stdout } = await call(['install', '--help'], { ...from, COLUMNS: '4096' })
    const url = /^ *-i, --index-url .*\(default (\S+?)\)/m.exec(stdout)?.[1]
    if (url !== undefined && URL.canParse(url)) return withoutCredentials(url)
    throw new GloveboxError('FAILED', 'pip names no address as its index', {
      fix: 'python3 -m pip config list shows what it has; index-url has to be an http or https address',
    })
  }

  const readIndex = async (): Promise<string> => indexWith(env)
  const index = async (): Promise<string> => options.index?.(readIndex) ?? readIndex()

  async function usualIndex(): Promise<string> {
    const bare = Object.entries(env).filter(([name]) => !name.startsWith('PIP_'))
    return indexWith({ ...Object.fromEntries(bare), PIP_CONFIG_FILE: '/dev/null' })
  }

  return {
    index,
    usualIndex,
    async install(target, words, tree) {
      const fixed = ['--only-binary=:all:', '--no-build-isolation', '--ignore-installed', '--retries=1', '--quiet']
      const { code, stdout, stderr } = await inSandbox(
        ['--python', target, 'install', ...fixed, ...words],
        target,
        tree,
      )
      if (code === 0) return stdout
      throw await failure(stderr)
    },
    async versions(name) {
      const { code, stdout } = await inSandbox(
        ['index', 'versions', name, '--ignore-requires-python', '--retries=1'],
        driver.path,
      )
      const list = /^Available versions: (.*)$/m.exec(stdout)?.[1]
      return code === 0 && list !== undefined ? list.split(',').map((version) => version.trim()) : undefined
    },
  }

  async function failure(stderr: string): Promise<GloveboxError> {
    const errors = stderr.split('\n').filter((line) => /^\s*ERROR: /.test(line))
    const what = (errors.at(-1) ?? stderr.trim().split('\n').at(-1) ?? '').replace(/^\s*ERROR: /, '')
    const network =
      /Failed to establish a new connection|NameResolutionError|ConnectTimeout|ReadTimeout|Read timed out|Network is unreachable|Max retries exceeded/
    if (network.test(stderr)) return offlineError(await index(), 'no connection')
    if (/DO NOT MATCH THE HASHES|HashMismatch|hashes are required/i.test(stderr)) {
      return new GloveboxError('REFUSED', 'pip: what was downloaded is not what was pinned by its hash', {
        fix: 'resolve anew when you know why: glovebox package update',
      })
    }
    if (/No matching distribution/.test(what)) {
      return new GloveboxError('NOT_FOUND', `pip: ${what.trim()}, as a wheel for Python ${driver.minor}`, {
        fix: 'check the name and the version; packages without wheels would have to be built, which is not done while fetching',
      })
    }
    return new GloveboxError('FAILED', `pip: ${what.trim()}`, {
      fix: 'the same with pip install --only-binary=:all: shows more',
    })
  }
}

/** A Python outside of the system's directories brings its library along. */
function prefixOf(python: string): string[] {
  const prefix = dirname(dirname(realpathSync.native(python)))
  return prefix === '/usr' || prefix === '/' ? [] : [prefix]
}
