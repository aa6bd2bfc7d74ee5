import { existsSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import type { ToolResult } from '../../system/run-tool.ts'
import { extraHosts, pick } from '../installer/configured.ts'

/** What pip is configured with on this machine, as far as its sandbox has to know. */
export interface PipSettings {
  /** Of the indexes, and of pages with links. */
  readonly urls: readonly string[]
  /** Rules beside them. */
  readonly more: readonly string[]
  /** Its configuration, with the passwords in it, certificates, directories with wheels. */
  readonly read: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Ours, with the proxy in it that pip would use. */
  readonly hostEnv: NodeJS.ProcessEnv
}

/** Asks pip itself, which knows where it looks: that reaches nobody. */
export async function readPipSettings({
  call,
  index,
  env,
  home,
}: {
  /** pip with these words, on the host. */
  call: (words: readonly string[]) => Promise<ToolResult>
  index: () => Promise<string>
  env: NodeJS.ProcessEnv
  home: string
}): Promise<PipSettings> {
  // One start of pip is a second on a slow machine, and whoever waits for a server gives up after a few.
  const [debug, first] = await Promise.all([call(['config', 'debug']), index()])
  const values = valuesIn(debug.stdout)
  const of = (key: string): string[] =>
    values.flatMap(([name, value]) => (name === key ? value.split(/\s+/).filter((word) => word !== '') : []))
  const files = [...debug.stdout.matchAll(/^ +(\/.*), exists: True$/gm)].map(([, file = '']) => file)
  const named = [...of('cert'), ...of('client-cert'), ...of('find-links')]
  const fromEnv = pick(env, (name) =>
    /^(REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|SSL_CERT_FILE|SSL_CERT_DIR|NETRC)$/.test(name),
  )
  const paths = [...files, ...named, ...Object.values(fromEnv), `${home}/.netrc`]
  const [proxy] = of('proxy')
  return {
    urls: [first, ...of('extra-index-url'), ...named].filter((text) => /^https?:/i.test(text) && URL.canParse(text)),
    more: extraHosts(env),
    read: [...new Set(paths)].filter((path) => isAbsolute(path) && existsSync(path)),
    env: {
      ...fromEnv,
      ...pick(env, (name) => /^(PIP_.*|XDG_CONFIG_HOME|XDG_CONFIG_DIRS)$/.test(name) && name !== 'PIP_PROXY'),
      // Where its configuration is; there is nothing else there.
      HOME: home,
    },
    hostEnv: { ...env, ...(proxy !== undefined && { http_proxy: proxy, https_proxy: proxy }) },
  }
}

/** `    global.index-url: https://…` of a file, `  PIP_INDEX_URL='https://…'` of the environment, as Python writes a string. */
export function valuesIn(text: string): [string, string][] {
  // A value of several lines goes on without an indent.
  const ofFiles = text.matchAll(/^ {4}\S+?\.([a-z-]+): (.*(?:\n(?! {2}|[a-z_]+:$).*)*)/gm)
  const ofEnv = text.matchAll(/^ {2}PIP_([A-Z_]+)=(['"])(.*)\2$/gm)
  return [
    ...[...ofFiles].map(([, name = '', value = '']): [string, string] => [name, value.trimEnd()]),
    ...[...ofEnv].map(([, name = '', , value = '']): [string, string] => [
      name.toLowerCase().replaceAll('_', '-'),
      value.replaceAll('\\n', '\n').replaceAll(/\\(.)/g, '$1'),
    ]),
  ]
}
