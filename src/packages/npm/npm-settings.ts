import { existsSync } from 'node:fs'
import { runTool } from '../../system/run-tool.ts'
import { extraHosts, pick, variablesIn } from '../installer/configured.ts'
import { findNpm } from './find-npm.ts'

/** What npm is configured with on this machine, as far as its sandbox has to know. */
export interface NpmSettings {
  /** Of the registries, scoped ones too. */
  readonly urls: readonly string[]
  /** Rules beside them. */
  readonly more: readonly string[]
  /** Its configuration, with the tokens in it, and certificates. */
  readonly read: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Ours, with the proxies in it that npm would use. */
  readonly hostEnv: NodeJS.ProcessEnv
}

/** Asks npm itself, which knows where it looks: that reaches nobody, and runs no code but npm's. */
export async function readNpmSettings(
  node: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<NpmSettings> {
  const { file, prefix } = findNpm(node, env)
  const words = [...prefix, 'config', 'ls', '--json', '--loglevel=error']
  const { stdout } = await runTool({ file, args: words, cwd: '/', env, signal })
  const values = JSON.parse(stdout) as Readonly<Record<string, unknown>>
  const text = (key: string): string | undefined => {
    const value = values[key]
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const ofKeys = (pattern: RegExp): string[] =>
    Object.keys(values).flatMap((key) => (pattern.test(key) ? (text(key) ?? []) : []))
  const configs = ['userconfig', 'globalconfig'].filter((key) => existsSync(text(key) ?? ''))
  const files = configs.flatMap((key) => text(key) ?? [])
  const certificates = [...ofKeys(/(^|:)(cafile|certfile|keyfile)$/), env['NODE_EXTRA_CA_CERTS'] ?? '']
  const named = new Set(variablesIn(files))
  return {
    urls: ofKeys(/^(@.*:)?registry$/).filter((url) => URL.canParse(url)),
    more: extraHosts(env),
    read: [...new Set([...files, ...certificates])].filter((path) => existsSync(path)),
    env: {
      ...pick(env, (name) => named.has(name) || /^(npm_config_|NODE_EXTRA_CA_CERTS$|NODE_USE_SYSTEM_CA$)/i.test(name)),
      ...Object.fromEntries(configs.map((key) => [`npm_config_${key}`, text(key) ?? ''])),
    },
    hostEnv: { ...env, ...proxies(text) },
  }
}

/** npm's own settings win over the environment, which is what the rest of us read. */
function proxies(text: (key: string) => string | undefined): Record<string, string> {
  const plain = text('proxy')
  const secure = text('https-proxy') ?? plain
  const direct = text('noproxy')
  return {
    ...(plain !== undefined && { http_proxy: plain }),
    ...(secure !== undefined && { https_proxy: secure }),
    ...(direct !== undefined && { no_proxy: direct }),
  }
}
