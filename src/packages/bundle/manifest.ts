import { posix } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import type { Plain } from '../../config/tree.ts'
import { shortName, type Ask, type Proposal, type Values } from '../proposal.ts'

/** `manifest.json` of a bundle (manifest_version 0.1 to 0.4), as far as it is read. */
export interface BundleManifest {
  readonly name: string
  readonly version: string
  readonly type: 'node' | 'python' | 'binary'
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly userConfig: Readonly<Record<string, UserOption>>
  /** Undefined when it does not say, or makes them up as it runs. */
  readonly tools: readonly string[] | undefined
}

export interface UserOption {
  readonly type: 'string' | 'number' | 'boolean' | 'directory' | 'file'
  readonly about: string
  readonly required: boolean
  readonly secret: boolean
  readonly multiple: boolean
  readonly default: readonly string[]
}

/** @throws GloveboxError POLICY_INVALID naming the key; HOST_CANNOT for a kind of server that cannot be started */
export function readManifest(value: unknown, platform: string): BundleManifest {
  const manifest = table(value, 'manifest.json')
  const version = textAt(manifest['manifest_version'] ?? manifest['dxt_version'], 'manifest_version')
  if (!/^0\.[1-4]$/.test(version)) throw wrong('manifest_version', `is "${version}"; 0.1 to 0.4 are known`)
  const server = table(manifest['server'], 'server')
  const type = textAt(server['type'], 'server.type')
  if (type !== 'node' && type !== 'python' && type !== 'binary') {
    throw new GloveboxError(
      'HOST_CANNOT',
      `the bundle's server is of type "${type}", which this version cannot start`,
      {
        fix: 'node, python and binary can; use the package of the same server from npm or PyPI',
      },
    )
  }
  const base = table(server['mcp_config'] ?? {}, 'server.mcp_config')
  const overrides = table(
    table(base['platform_overrides'] ?? {}, 'platform_overrides')[platform] ?? {},
    'platform_overrides',
  )
  const config = { ...base, ...overrides }
  const entryPoint = textAt(server['entry_point'] ?? '', 'server.entry_point', true)
  return {
    name: textAt(manifest['name'], 'name'),
    version: textAt(manifest['version'], 'version'),
    type,
    command: textAt(
      config['command'] ?? (type === 'node' ? 'node' : type === 'python' ? 'python3' : `\${__dirname}/${entryPoint}`),
      'command',
    ),
    args: listAt(config['args'] ?? (type === 'binary' ? [] : [`\${__dirname}/${entryPoint}`]), 'args').map((item) =>
      textAt(item, 'args', true),
    ),
    env: Object.fromEntries(
      Object.entries(table(config['env'] ?? {}, 'env')).map(([key, item]) => [key, textAt(item, `env.${key}`, true)]),
    ),
    userConfig: Object.fromEntries(
      Object.entries(table(manifest['user_config'] ?? {}, 'user_config')).map(([key, item]) => [
        key,
        readOption(item, key),
      ]),
    ),
    tools:
      manifest['tools_generated'] === true || manifest['tools'] === undefined
        ? undefined
        : listAt(manifest['tools'], 'tools').map((item) => textAt(table(item, 'tools')['name'], 'tools.name')),
  }
}

function readOption(value: unknown, key: string): UserOption {
  const option = table(value, `user_config.${key}`)
  const type = option['type']
  const known = (['string', 'number', 'boolean', 'directory', 'file'] as const).find((name) => name === type)
  if (known === undefined) throw wrong(`user_config.${key}.type`, 'is string, number, boolean, directory or file')
  const otherwise = option['default']
  return {
    type: known,
    about: textAt(option['title'] ?? option['description'] ?? '', `user_config.${key}.title`, true),
    required: option['required'] === true,
    secret: option['sensitive'] === true,
    multiple: option['multiple'] === true,
    default:
      otherwise === undefined ? [] : (Array.isArray(otherwise) ? otherwise : [otherwise]).map((item) => String(item)),
  }
}

export function bundleQuestions({ userConfig }: BundleManifest): Ask[] {
  return Object.entries(userConfig).map(([name, option]) => ({
    name,
    about: option.about,
    required: option.required && option.default.length === 0,
    secret: option.secret,
    ...(option.default.length > 0 && { default: option.default.join(',') }),
  }))
}

/**
 * A bundle that was unpacked into `tree` as an entry of a configuration. Directories and files that its user names are what
 * it is shown, read-only; a secret is copied from our environment; where it announces tools, others do not exist.
 * @throws GloveboxError USAGE naming a value that is missing
 */
export function proposeBundle(
  manifest: BundleManifest,
  { tree, home, values }: { tree: string; home: string; values: Values },
): Proposal {
  const [notes, read]: [string[], string[]] = [[], []]
  const given = new Map(
    Object.entries(manifest.userConfig).map(([key, option]) => [key, takeOption(key, option, values, home)]),
  )
  for (const [key, option] of Object.entries(manifest.userConfig))
    if (option.type === 'directory' || option.type === 'file') read.push(...(given.get(key) ?? []))
  const fill = (text: string, isVariable: boolean): string[] =>
    fillText(text, isVariable, { manifest, given, tree, home })
  const command = fill(manifest.command, false)[0] ?? ''
  if (command.startsWith(tree) ? posix.normalize(command) !== command : command.includes('/'))
    throw wrong('server.mcp_config.command', 'is a program in the bundle, or the name of one')
  const env = Object.fromEntries(Object.entries(manifest.env).map(([key, text]) => [key, fill(text, true).join(',')]))
  if (read.length > 0) notes.push(`shown read-only: ${read.join(', ')}; --write lets it change them`)
  // An empty list is what generators write for a server that nobody asked.
  const tools = manifest.tools ?? []
  if (tools.length > 0) notes.push(`only the tools that it announces exist: ${tools.join(', ')}`)
  const sandbox: Record<string, Plain> = {
    ...(read.length > 0 && { filesystem: { read } }),
    ...(tools.length > 0 && { tools: { allow: tools } }),
  }
  return {
    name: shortName(manifest.name),
    entry: {
      command,
      args: manifest.args.flatMap((text) => fill(text, false)),
      ...(Object.keys(env).length > 0 && { env }),
      ...(Object.keys(sandbox).length > 0 && { sandbox }),
    },
    notes,
  }
}

function takeOption(key: string, option: UserOption, values: Values, home: string): string[] {
  const text = values.get(key)
  const found = text === undefined ? option.default : option.multiple ? text.split(',') : [text]
  if (found.length === 0 && option.required && !option.secret) {
    throw new GloveboxError('USAGE', `${key} is missing${option.about === '' ? '' : `: ${option.about}`}`, {
      fix: `write --set ${key}=VALUE`,
    })
  }
  return found.map((item) =>
    item.replaceAll(/\$\{HOME\}|\$\{user_home\}/g, () => home).replace(/^~(?=\/|$)/, () => home),
  )
}

function fillText(
  text: string,
  isVariable: boolean,
  {
    manifest,
    given,
    tree,
    home,
  }: { manifest: BundleManifest; given: ReadonlyMap<string, string[]>; tree: string; home: string },
): string[] {
  const only = /^\$\{user_config\.([\w-]+)\}$/.exec(text)?.[1]
  const option = only === undefined || !Object.hasOwn(manifest.userConfig, only) ? undefined : manifest.userConfig[only]
  if (only !== undefined && option !== undefined) {
    if (!option.secret) return [...(given.get(only) ?? [])]
    if (isVariable) return [`\${env:${variableName(only)}}`]
    throw new GloveboxError(
      'REFUSED',
      `the secret ${only} would be an argument, which every user of this machine sees`,
      {
        fix: 'ask its author for a variable of the environment instead',
      },
    )
  }
  return [
    text.replaceAll(
      /\$\{(__dirname|HOME|\/|pathSeparator|user_config\.([\w-]+))\}/g,
      (all, name: string, key: string | undefined) => {
        if (name === '__dirname') return tree
        if (name === 'HOME') return home
        if (name === '/' || name === 'pathSeparator') return '/'
        const inner =
          key === undefined || !Object.hasOwn(manifest.userConfig, key) ? undefined : manifest.userConfig[key]
        if (inner === undefined || inner.secret) throw wrong('server.mcp_config', `${all} cannot stand inside a text`)
        return (given.get(key ?? '') ?? []).join(',')
      },
    ),
  ]
}

/** `apiKey` → `API_KEY`. */
export function variableName(key: string): string {
  return key
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase()
    .replace(/^(?=\d)/, '_')
}

function table(value: unknown, at: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw wrong(at, 'is a table')
}

function listAt(value: unknown, at: string): unknown[] {
  if (Array.isArray(value) && value.length <= 1024) return value
  throw wrong(at, 'is a list')
}

function textAt(value: unknown, at: string, mayBeEmpty: boolean = false): string {
  if (typeof value === 'string' && (mayBeEmpty || value !== '') && value.length <= 8192 && !value.includes('\0'))
    return value
  throw wrong(at, 'is a text')
}

function wrong(at: string, what: string): GloveboxError {
  return new GloveboxError('POLICY_INVALID', `manifest.json: ${at} ${what}`, { fix: 'tell its author' })
}
