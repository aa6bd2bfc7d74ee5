import { GloveboxError } from '../../errors.ts'

/** `server.json` of the MCP registry (schema 2025-12-11), as far as it is read. */
export interface ServerJson {
  readonly name: string
  readonly description: string
  readonly version: string
  readonly packages: readonly RegistryPackage[]
  readonly remotes: readonly RegistryRemote[]
}

export interface RegistryPackage {
  readonly registryType: string
  readonly registryBaseUrl: string | undefined
  readonly identifier: string
  readonly version: string
  readonly fileSha256: string | undefined
  readonly runtimeArguments: readonly Argument[]
  readonly packageArguments: readonly Argument[]
  readonly environmentVariables: readonly Input[]
  readonly transport: string
}

export interface RegistryRemote {
  readonly type: string
  readonly url: string
  readonly variables: Readonly<Record<string, Input>>
  readonly headers: readonly Input[]
}

/** A value that may be fixed, have a template, or be asked for. */
export interface Input {
  readonly name: string
  readonly about: string
  readonly value: string | undefined
  readonly default: string | undefined
  readonly choices: readonly string[] | undefined
  readonly required: boolean
  readonly secret: boolean
  readonly isPath: boolean
  readonly variables: Readonly<Record<string, Input>>
}

export interface Argument extends Input {
  readonly type: 'positional' | 'named'
  readonly repeated: boolean
}

/** Bounds on what a stranger's file can make us write. */
const limits = { text: 4096, list: 64, depth: 4 }

/**
 * Reads what a registry, which is anybody, says of a server.
 * @throws GloveboxError POLICY_INVALID naming the key that is not what the schema says
 */
export function readServerJson(value: unknown): ServerJson {
  const server = record(value, 'server.json')
  const name = text(server['name'], 'name')
  if (!/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/.test(name)) throw wrong('name', 'is like io.github.user/server')
  return {
    name,
    description: optional(server['description'], 'description') ?? '',
    version: text(server['version'], 'version'),
    packages: list(server['packages'], 'packages').map((item, index) => readPackage(item, `packages[${index}]`)),
    remotes: list(server['remotes'], 'remotes').map((item, index) => readRemote(item, `remotes[${index}]`)),
  }
}

function readPackage(value: unknown, at: string): RegistryPackage {
  const found = record(value, at)
  return {
    registryType: text(found['registryType'] ?? found['registry_type'], `${at}.registryType`),
    registryBaseUrl: optional(found['registryBaseUrl'], `${at}.registryBaseUrl`),
    identifier: text(found['identifier'], `${at}.identifier`),
    version: optional(found['version'], `${at}.version`) ?? '',
    fileSha256: optional(found['fileSha256'], `${at}.fileSha256`),
    runtimeArguments: readArguments(found['runtimeArguments'], `${at}.runtimeArguments`),
    packageArguments: readArguments(found['packageArguments'], `${at}.packageArguments`),
    environmentVariables: list(found['environmentVariables'], `${at}.environmentVariables`).map((item, index) =>
      readInput(item, `${at}.environmentVariables[${index}]`),
    ),
    transport: text(record(found['transport'] ?? { type: 'stdio' }, `${at}.transport`)['type'], `${at}.transport.type`),
  }
}

function readRemote(value: unknown, at: string): RegistryRemote {
  const found = record(value, at)
  const url = text(found['url'], `${at}.url`)
  if (!/^https?:\/\//.test(url)) throw wrong(`${at}.url`, 'is an http or https address')
  return {
    type: text(found['type'], `${at}.type`),
    url,
    variables: readVariables(found['variables'], `${at}.variables`, 0),
    headers: list(found['headers'], `${at}.headers`).map((item, index) => readInput(item, `${at}.headers[${index}]`)),
  }
}

function readArguments(value: unknown, at: string): Argument[] {
  return list(value, at).map((item, index) => {
    const found = record(item, `${at}[${index}]`)
    const type = found['type']
    if (type !== 'positional' && type !== 'named') throw wrong(`${at}[${index}].type`, 'is "positional" or "named"')
    const hint = optional(found['valueHint'], `${at}[${index}].valueHint`)
    const name = type === 'named' ? text(found['name'], `${at}[${index}].name`) : (hint ?? `argument${index + 1}`)
    return { ...readInput({ ...found, name }, `${at}[${index}]`), type, repeated: found['isRepeated'] === true }
  })
}

function readInput(value: unknown, at: string, depth: number = 0): Input {
  const found = record(value, at)
  const choices =
    found['choices'] === undefined
      ? undefined
      : list(found['choices'], `${at}.choices`).map((item) => text(item, `${at}.choices`))
  return {
    name: text(found['name'], `${at}.name`),
    about: optional(found['description'], `${at}.description`) ?? '',
    value: optional(found['value'], `${at}.value`),
    default: optional(found['default'], `${at}.default`),
    choices,
    required: found['isRequired'] === true,
    secret: found['isSecret'] === true,
    isPath: found['format'] === 'filepath',
    variables: readVariables(found['variables'], `${at}.variables`, depth),
  }
}

function readVariables(value: unknown, at: string, depth: number): Record<string, Input> {
  if (value === undefined) return {}
  if (depth >= limits.depth) throw wrong(at, 'is nested too deeply')
  const entries = Object.entries(record(value, at)).slice(0, limits.list + 1)
  if (entries.length > limits.list) throw wrong(at, `has at most ${limits.list} entries`)
  const variables: Record<string, Input> = Object.create(null)
  for (const [name, item] of entries)
    variables[name] = readInput({ ...record(item, at), name }, `${at}.${name}`, depth + 1)
  return variables
}

function record(value: unknown, at: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw wrong(at, 'is a table')
}

function list(value: unknown, at: string): unknown[] {
  if (value === undefined) return []
  if (Array.isArray(value) && value.length <= limits.list) return value
  throw wrong(at, `is a list of at most ${limits.list}`)
}

function text(value: unknown, at: string): string {
  const found = optional(value, at)
  if (found !== undefined && found !== '') return found
  throw wrong(at, 'is a text and has to be there')
}

function optional(value: unknown, at: string): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string' && value.length <= limits.text && !/[\0\r\n]/.test(value.trim())) return value
  // Descriptions may have lines; what becomes a word of a command may not.
  if (typeof value === 'string' && value.length <= limits.text && /(^|\.)description$/.test(at)) return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw wrong(at, `is a text of one line and at most ${limits.text} characters`)
}

function wrong(at: string, what: string): GloveboxError {
  return new GloveboxError('POLICY_INVALID', `server.json: ${at} ${what}`, {
    fix: 'tell its author; add the server by its command instead: glovebox add NAME -- npx -y PACKAGE@VERSION',
  })
}
