import { GloveboxError } from '../../errors.ts'
import type { Plain } from '../../config/tree.ts'
import { parseNpmSpec } from '../npm/spec.ts'
import { shortName, type Ask, type Proposal, type Values } from '../proposal.ts'
import { parseRequirement } from '../pypi/requirement.ts'
import type { Argument, Input, RegistryPackage, RegistryRemote, ServerJson } from './server-json.ts'

/** What a server has to ask its user before it can be written down. */
export function questionsOf(server: ServerJson): Ask[] {
  const found = choose(server)
  const inputs = 'identifier' in found ? [...found.packageArguments, ...found.environmentVariables] : found.headers
  const variables = 'identifier' in found ? [] : Object.values(found.variables)
  const asks = [...inputs, ...variables].flatMap((input) => asksOf(input))
  return [...new Map(asks.map((ask) => [ask.name, ask])).values()]
}

/** The registry that a server says its package comes from, when it says one: it has to be one that is used here. */
export function statedRegistry(
  server: ServerJson,
): { readonly ecosystem: 'npm' | 'pypi'; readonly identifier: string; readonly base: string } | undefined {
  const found = choose(server)
  if (!('identifier' in found) || found.registryBaseUrl === undefined) return undefined
  const { registryType, identifier, registryBaseUrl } = found
  return { ecosystem: registryType === 'npm' ? 'npm' : 'pypi', identifier, base: registryBaseUrl }
}

/**
 * A server of the registry as an entry of a configuration. Arguments for a runtime (`docker -v`, `node --require`) are never
 * passed on: they are options of the program that would have been the wall.
 * @throws GloveboxError USAGE naming a value that is missing; HOST_CANNOT for a kind of package that is not there yet
 */
export function proposeServer(server: ServerJson, values: Values): Proposal {
  const found = choose(server)
  const name = shortName(server.name)
  return 'identifier' in found ? proposePackage(name, found, values) : proposeRemote(name, found, values)
}

/** npm, then PyPI, then an address: the first that can be started here. */
function choose({ name, packages, remotes }: ServerJson): RegistryPackage | RegistryRemote {
  const stdio = packages.filter(({ transport }) => transport === 'stdio')
  const found =
    stdio.find(({ registryType }) => registryType === 'npm') ??
    stdio.find(({ registryType }) => registryType === 'pypi') ??
    remotes[0]
  if (found !== undefined) return found
  const kinds = [...new Set(packages.map(({ registryType, transport }) => `${registryType} over ${transport}`))]
  const hasBundle = packages.some(({ registryType }) => registryType === 'mcpb')
  throw new GloveboxError(
    'HOST_CANNOT',
    `${name} comes as ${kinds.join(', ') || 'nothing that can be started'}, which this version cannot start`,
    {
      fix: hasBundle
        ? 'download its .mcpb file, and: glovebox add NAME --bundle FILE --sha256 HASH'
        : 'use a server that comes as an npm or PyPI package with stdio, or has an address',
    },
  )
}

function proposePackage(name: string, found: RegistryPackage, values: Values): Proposal {
  const notes: string[] = []
  const command = commandOf(found)
  const read: string[] = []
  const args = found.packageArguments.flatMap((argument) => wordsOf(argument, values, read))
  const env: Record<string, string> = {}
  for (const input of found.environmentVariables) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(input.name)) throw unusable(`the variable "${input.name}"`)
    const value = input.secret ? `\${env:${input.name}}` : valueOf(input, values)
    if (value !== undefined) env[input.name] = value
    if (input.secret) notes.push(`${input.name} is a secret: it is copied from our environment at each start`)
  }
  for (const argument of found.runtimeArguments) {
    if (!['-y', '--yes'].includes(argument.value ?? argument.name))
      notes.push(
        `refused: the runtime argument ${[argument.type === 'named' ? argument.name : '', argument.value ?? ''].join(' ').trim()}`,
      )
  }
  if (read.length > 0) notes.push(`shown read-only because an argument is a path: ${read.join(', ')}`)
  const [program = '', ...words] = command
  const entry: Record<string, Plain> = {
    command: program,
    args: [...words, ...args],
    ...(Object.keys(env).length > 0 && { env }),
    ...(read.length > 0 && { sandbox: { filesystem: { read } } }),
  }
  return { name, entry, notes }
}

function commandOf({ registryType, identifier, version }: RegistryPackage): string[] {
  if (!/^\d[\w.+!-]*$/.test(version)) {
    throw new GloveboxError('REFUSED', `its version is "${version}", and a registry has to name an exact one`, {
      fix: 'add the server by its command, with a version that you choose',
    })
  }
  if (registryType === 'npm') {
    const { name, range } = parseNpmSpec(`${identifier}@${version}`)
    return ['npx', '-y', `${name}@${range}`]
  }
  const { name, extras } = parseRequirement(identifier)
  return ['uvx', `${name}${extras.length > 0 ? `[${extras.join(',')}]` : ''}==${version}`]
}

function wordsOf(argument: Argument, values: Values, read: string[]): string[] {
  const value = valueOf(argument, values)
  if (argument.secret && value !== undefined) {
    throw new GloveboxError(
      'REFUSED',
      `the argument ${argument.name} is a secret, and arguments are seen by every user of this machine`,
      {
        fix: 'ask its author for a variable of the environment instead',
      },
    )
  }
  const isBare = value === undefined || value === ''
  const given = isBare ? [] : argument.repeated ? value.split(',') : [value]
  if (argument.isPath) read.push(...given)
  if (argument.type === 'positional') return given
  if (!argument.name.startsWith('-')) throw unusable(`the argument "${argument.name}"`)
  if (given.length === 0) return argument.required || argument.value === '' ? [argument.name] : []
  return given.flatMap((text) => [argument.name, text])
}

function proposeRemote(name: string, { type, url, variables, headers }: RegistryRemote, values: Values): Proposal {
  const full = fill(url, variables, values)
  const secret = headers.find((header) => header.secret)
  const notes =
    secret === undefined
      ? []
      : [`the header ${secret.name} is a secret: it is not written down; the client or the gateway adds it`]
  const sent = headers.flatMap((header) => {
    const value = header.secret ? undefined : valueOf(header, values)
    return value === undefined ? [] : [[header.name, value]]
  })
  return {
    name,
    entry: {
      type: type === 'sse' ? 'sse' : 'http',
      url: full,
      ...(sent.length > 0 && { headers: Object.fromEntries(sent) as Record<string, string> }),
    },
    notes,
  }
}

/** The fixed value, the given one, or the default; a required one has to be given. */
function valueOf(input: Input, values: Values): string | undefined {
  if (input.value !== undefined) return fill(input.value, input.variables, values)
  const value = values.get(input.name) ?? input.default
  if (value === undefined && input.required) {
    throw new GloveboxError('USAGE', `${input.name} is missing${input.about === '' ? '' : `: ${input.about}`}`, {
      fix: `write --set ${input.name}=VALUE`,
    })
  }
  if (value !== undefined && input.choices !== undefined && !input.choices.includes(value)) {
    throw new GloveboxError('USAGE', `${input.name}: "${value}" is none of ${input.choices.join(', ')}`, {
      fix: `write --set ${input.name}=${input.choices[0] ?? ''}`,
    })
  }
  return value
}

/** `{variable}` in a template. */
function fill(template: string, variables: Readonly<Record<string, Input>>, values: Values): string {
  return template.replaceAll(/\{([A-Za-z0-9_-]+)\}/g, (all, name: string) => {
    const variable = Object.hasOwn(variables, name) ? variables[name] : undefined
    if (variable === undefined) return all
    return valueOf(variable, values) ?? ''
  })
}

function asksOf(input: Input): Ask[] {
  const inner = Object.values(input.variables).flatMap((variable) => asksOf(variable))
  if (input.value !== undefined) return inner
  const { name, about, required, secret, choices } = input
  return [
    {
      name,
      about,
      required: required && input.default === undefined,
      secret,
      ...(input.default !== undefined && { default: input.default }),
      ...(choices !== undefined && { choices }),
    },
  ]
}

function unusable(what: string): GloveboxError {
  return new GloveboxError('POLICY_INVALID', `server.json: ${what} is none that can be used`, {
    fix: 'tell its author',
  })
}
