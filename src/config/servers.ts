import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { GloveboxError } from '../errors.ts'
import type { OwnMachine, Plan } from '../policy/plan.ts'
import type { Policy } from '../policy/policy.ts'
import { places as placesOf } from '../system/places.ts'
import { copiedVariable, defaultsLayer, originIn, placedError, serverLayer } from './layers/file.ts'
import { flagsLayer } from './layers/flags.ts'
import { absolutePath, mergeLayers, type Layer } from './layers/layer.ts'
import type { Origins } from './layers/origin.ts'
import { placedOf, policyOf, unusedKeys, type Placed } from './layers/policy.ts'
import type { PolicyFlags } from './policy-flags.ts'
import { profileFolders } from './profile/folder.ts'
import { profileLayer, type ChosenProfile } from './profile/layer.ts'
import { wrongServerName } from './schema/words.ts'
import { readScopes, type ConfigScope, type Scopes } from './scopes.ts'
import type { Confinement } from './trust/confine.ts'

/** A server out of a configuration, ready to be planned. */
export interface ConfiguredServer {
  readonly name: string
  readonly enabled: boolean
  readonly command: readonly string[]
  /** Where it is started: the directory of its project, else ours. */
  readonly cwd: string
  readonly policy: Policy
  readonly origins: Origins
  readonly placed: Placed
  /** Placement keys that are written but mean nothing for this start. */
  readonly unused: readonly string[]
  readonly scope: 'project' | 'user' | 'file'
  readonly file: string
  /** Why, when the configuration is one that nobody has said yes to. */
  readonly confinement: Confinement | undefined
  /** @throws GloveboxError REFUSED when an unknown project's plan does more than it may */
  readonly review: (plan: Plan) => void
}

export interface LoadOptions {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly flags?: PolicyFlags
  /** `--config FILE`: this one, and no other. */
  readonly config?: string | undefined
  readonly profile?: string | undefined
  readonly manifest?: string | undefined
  /** Variables stay as they are written: a policy that is only shown needs none. */
  readonly copiesNothing?: boolean
}

/**
 * The configured server of that name; undefined when there is none. The nearest definition counts as a whole.
 * @throws GloveboxError for what is wrong in a configuration, is disabled, or not allowed to an unknown project
 */
export async function loadServer(name: string, options: LoadOptions): Promise<ConfiguredServer | undefined> {
  if (wrongServerName(name) !== undefined) return undefined
  const places = placesOf(options.env)
  const scopes = await readScopes({ cwd: options.cwd, places }, options.config)
  const owner = ownerOf(name, scopes)
  if (owner === undefined) return undefined
  if (owner.file.config.mcpServers?.[name]?.enabled !== false) return configureServer(name, owner, scopes, options)
  const path = ['mcpServers', name, 'enabled']
  throw placedError(owner.file, path, `the server "${name}" is disabled`, `glovebox enable ${name}`)
}

/**
 * The configured server of that name, enabled or not, for showing it.
 * @throws GloveboxError USAGE when there is none
 */
export async function findServer(name: string, options: LoadOptions): Promise<ConfiguredServer> {
  const scopes = await readScopes({ cwd: options.cwd, places: placesOf(options.env) }, options.config)
  const owner = ownerOf(name, scopes)
  if (owner !== undefined) return configureServer(name, owner, scopes, options)
  const [{ listServers }, { nearest }] = await Promise.all([import('./overview.ts'), import('./schema/nearest.ts')])
  const names = listServers(scopes).map((server) => server.name)
  const near = nearest(name, names)
  throw new GloveboxError('USAGE', `there is no server "${name}"`, {
    fix: near === undefined ? 'glovebox list shows all servers' : `did you mean "${near}"?`,
  })
}

/** The file whose definition of a server counts. @throws GloveboxError REFUSED */
export function ownerOf(name: string, { project, user, named }: Scopes): ConfigScope | undefined {
  const defines = (scope: ConfigScope | undefined): boolean => Object.hasOwn(scope?.file.config.mcpServers ?? {}, name)
  if (named !== undefined) return defines(named) ? named : undefined
  if (!defines(project)) return defines(user) ? user : undefined
  if (defines(user) && project?.trust?.state !== 'trusted') {
    throw new GloveboxError(
      'REFUSED',
      `${project?.file.source.path}: it redefines your server "${name}", and nobody has said yes to it`,
      {
        fix: `glovebox trust ${project?.directory} shows it and records your yes; --config ${user?.file.source.path} takes yours`,
      },
    )
  }
  return project
}

/**
 * A server of a file with everything that is laid under and over it, enabled or not.
 * @throws GloveboxError for what this version cannot honour
 */
export async function configureServer(
  name: string,
  owner: ConfigScope,
  scopes: Scopes,
  options: LoadOptions,
): Promise<ConfiguredServer> {
  const places = placesOf(options.env)
  const server = owner.file.config.mcpServers?.[name] ?? {}
  const command = commandOf(name, owner)
  const folders = profileFolders(owner.profiles, places)
  const defaults = [owner.file.config.defaults, scopes.user?.file.config.defaults]
  const wanted = [options.profile, server.sandbox?.profile, ...defaults.map((sandbox) => sandbox?.profile)]
  const profile = profileLayer({
    server: name,
    wanted: wanted.find((name) => name !== undefined),
    command,
    folders,
    home: homedir(),
  })
  const manifest =
    options.manifest === undefined
      ? []
      : [await (await import('./manifest/manifest.ts')).manifestLayer(resolve(options.cwd, options.manifest))]
  const flags = options.flags === undefined ? [] : [flagsLayer(options.flags, options)]
  const layers: Layer[] = [
    profile.layer,
    ...(scopes.user && owner.scope.kind === 'project' ? [defaultsLayer(scopes.user.file, scopes.user.scope)] : []),
    defaultsLayer(owner.file, owner.scope),
    serverLayer(owner.file, name, owner.scope, options.copiesNothing === true ? undefined : options.env),
    ...manifest,
    ...flags,
  ]
  const merged = mergeLayers(layers)
  const machine = machineOf(owner, scopes)
  const { machineLimits, origins } = machineLimitsOf(owner, scopes, merged.origins)
  const policy = { ...(machine !== undefined && { machine }), ...policyOf(merged), machineLimits }
  const confinement = confinementOf(name, owner, scopes, { policy, profile, given: [...manifest, ...flags] })
  return {
    name,
    enabled: server.enabled ?? true,
    command,
    cwd: owner.scope.kind === 'project' ? owner.directory : options.cwd,
    policy,
    origins,
    placed: placedOf(merged, policy),
    unused: unusedKeys(merged.sandbox),
    scope: owner.scope.kind,
    file: owner.file.source.path,
    confinement,
    review: await reviewOf(confinement, policy, { command, own: [places.data] }),
  }
}

/** The parts of virtual machines that a file names; those of the user where the server's own file says nothing of them. */
function machineOf(owner: ConfigScope, { user }: Scopes): OwnMachine | undefined {
  const named = [owner, user].find((scope) => parts.some((key) => scope?.file.config.microvm?.[key] !== undefined))
  const image = named?.file.config.microvm?.image
  if (image !== undefined) return { kernel: null, rootfs: null, image }
  const of = (key: 'kernel' | 'rootfs'): string | null => {
    for (const scope of [owner, user]) {
      const path = scope?.file.config.microvm?.[key]
      if (scope !== undefined && path !== undefined) return path === null ? null : absolutePath(path, scope.directory)
    }
    return null
  }
  const machine = { kernel: of('kernel'), rootfs: of('rootfs') }
  return machine.kernel === null && machine.rootfs === null ? undefined : machine
}

const parts = ['kernel', 'rootfs', 'image'] as const

/** How large the same files have machines be; in the origins by the key of the table, since it counts for no other driver. */
function machineLimitsOf(
  owner: ConfigScope,
  { user }: Scopes,
  of: Origins,
): { machineLimits: NonNullable<Policy['machineLimits']>; origins: Origins } {
  const origins = new Map(of)
  const valueOf = (key: 'memory' | 'cpus'): number | undefined => {
    const from = [owner, user].find((scope) => scope?.file.config.microvm?.[key] !== undefined)
    if (from !== undefined) origins.set(`microvm.${key}`, originIn(from.file, ['microvm', key], from.scope.kind))
    return from?.file.config.microvm?.[key]
  }
  const [memoryBytes, cpus] = [valueOf('memory'), valueOf('cpus')]
  const machineLimits = { ...(memoryBytes !== undefined && { memoryBytes }), ...(cpus !== undefined && { cpus }) }
  return { machineLimits, origins }
}

async function reviewOf(
  confinement: Confinement | undefined,
  policy: Policy,
  options: { command: readonly string[]; own: readonly string[] },
): Promise<(plan: Plan) => void> {
  if (confinement === undefined) return () => undefined
  const { requireConfined } = await import('./trust/confine.ts')
  return (plan) => requireConfined(plan, policy, confinement, options)
}

function commandOf(name: string, { file, scope, directory }: ConfigScope): string[] {
  const { command, args = [] } = file.config.mcpServers?.[name] ?? {}
  if (command !== undefined) {
    // A named file's paths belong to its directory, and its servers start in the working directory.
    const isPath = scope.kind === 'file' && command.includes('/')
    return [isPath ? resolve(directory, command) : command, ...args]
  }
  const { where } = originIn(file, ['mcpServers', name, 'url'], 'file')
  throw new GloveboxError(
    'HOST_CANNOT',
    `${where}: the server "${name}" runs elsewhere, and remote servers are not there yet`,
    {
      fix: 'give it a "command", or reach it without Glovebox',
    },
  )
}

function confinementOf(
  name: string,
  owner: ConfigScope,
  scopes: Scopes,
  found: { policy: Policy; profile: ChosenProfile; given: readonly Layer[] },
): Confinement | undefined {
  const { trust, directory, file } = owner
  if (trust === undefined || trust.state === 'trusted') return undefined
  const copied = Object.values(file.config.mcpServers?.[name]?.env ?? {}).flatMap(
    (value) => copiedVariable(value) ?? [],
  )
  const given = found.given.flatMap(({ env }) => Object.keys(env))
  const driver = scopes.user?.file.config.defaults?.driver
  // Also one that names none, where you have one of your own.
  const ofUser = scopes.user === undefined ? undefined : machineOf(scopes.user, scopes)
  const isOwnMachine = JSON.stringify(machineOf(owner, scopes)) !== JSON.stringify(ofUser)
  return {
    directory,
    state: trust.state,
    wishes: [
      ...[...copied, ...given].map((variable) => `the variable ${variable} of our environment`),
      ...(found.profile.hides === undefined ? [] : [`its own profile "${found.profile.hides}" instead of yours`]),
      ...(isOwnMachine ? ['its own kernel, root filesystem or image for virtual machines'] : []),
      ...(driver === undefined || driver === found.policy.driver
        ? []
        : [`the driver ${found.policy.driver} instead of ${driver}, which is your default`]),
    ],
  }
}
