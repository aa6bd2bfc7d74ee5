import { existsSync } from 'node:fs'
import { GloveboxError } from '../../errors.ts'
import { runTool, type ToolResult } from '../../system/run-tool.ts'
import { extraHosts, pick, variablesIn } from '../installer/configured.ts'
import { findNpm } from './find-npm.ts'

/** What npm is configured with on this machine, as far as its sandbox has to know. */
export interface NpmSettings {
  /** What it has for a key; undefined for none, and for what is no text. */
  readonly text: (key: string) => string | undefined
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

/**
 * Asks npm itself, which knows where it looks: that reaches nobody, and runs no code but npm's.
 * @throws GloveboxError FAILED when it does not say
 */
export async function readNpmSettings(
  node: string,
  hostEnv: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<NpmSettings> {
  const env = withoutPreload(hostEnv)
  const { file, prefix } = findNpm(node, env)
  const words = [...prefix, 'config', 'ls', '--json', '--loglevel=error']
  const values = valuesIn(await runTool({ file, args: words, cwd: '/', env, signal }))
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
    text,
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

/** NODE_OPTIONS could load code into npm, of which its own configuration knows nothing. */
export function withoutPreload({ NODE_OPTIONS: _preload, ...env }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return env
}

function valuesIn({ code, stdout, stderr }: ToolResult): Readonly<Record<string, unknown>> {
  if (code === 0) return JSON.parse(stdout) as Readonly<Record<string, unknown>>
  const why = stderr.split('\n').findLast((line) => /\S/.test(line)) ?? 'without a word'
  throw new GloveboxError('FAILED', `npm does not say how it is configured: ${why.trim().slice(0, 200)}`, {
    fix: 'npm config ls shows what is wrong',
  })
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
