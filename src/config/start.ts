import type { Command } from 'commander'
import { GloveboxError } from '../errors.ts'
import type { Plan } from '../policy/plan.ts'
import type { Policy } from '../policy/policy.ts'
import { commandOf } from './command-words.ts'
import { policyForCommand } from './command-policy.ts'
import type { Layer } from './layers/layer.ts'
import type { Origins } from './layers/origin.ts'
import type { Placed } from './layers/policy.ts'
import type { PolicyFlags } from './policy-flags.ts'

/** The flags of a start that name a file or a profile. */
export interface StartFlags extends PolicyFlags {
  readonly name?: string
  readonly command?: string
  readonly config?: string
  readonly profile?: string
  readonly manifest?: string
}

/** What is started, where, and what it may do: all that flags and files say, before the host is looked at. */
export interface Start {
  readonly name: string | undefined
  readonly command: readonly string[]
  readonly cwd: string
  readonly policy: Policy
  readonly origins: Origins
  readonly placed: Placed
  readonly unused: readonly string[]
  /** Of a configured server: what it is called there, and the file that has it. */
  readonly server?: { readonly name: string; readonly file: string; readonly scope: 'project' | 'user' | 'file' }
  /** @throws GloveboxError REFUSED when the plan does more than the configuration is trusted with */
  readonly review: (plan: Plan) => void
}

/** `--profile` and `--manifest`, and for verbs that know servers `--config`. */
export function addStartFlags(command: Command, options: { servers: boolean }): Command {
  command
    .optionsGroup('Policy out of files:')
    .option('--profile <name>', 'start from this profile instead of the one that suits the command')
    .option('--manifest <file>', 'a JSON manifest (max_memory_mb, readonly_mounts, …)')
  if (options.servers) {
    command.option('--config <file>', 'the configuration to take the server from, instead of the project’s and yours')
  }
  return command
}

/**
 * A start out of a command line: the configured server that its only operand names, else the command that it is.
 * @throws GloveboxError for whatever is wrong with flags, files or their trust
 */
export async function startOf(
  words: readonly string[],
  flags: StartFlags,
  options: {
    cwd: string
    env: NodeJS.ProcessEnv
    /** Whether a single word may name a configured server or one of the catalogue, or has to. */
    servers: boolean | 'only'
    /** For what to write instead; `run` by default. */
    verb?: string
  },
): Promise<Start> {
  const { cwd, env } = options
  const [only, ...more] = words
  const mayBeServer = options.servers !== false && flags.command === undefined && more.length === 0
  if (only !== undefined && mayBeServer) {
    const server = await configured(only, flags, options)
    if (server !== undefined) {
      return {
        ...server,
        name: flags.name ?? server.name,
        server: { name: server.name, file: server.file, scope: server.scope },
      }
    }
  }
  if (flags.config !== undefined) throw await notInFile(words, flags.config, options)
  const { profile, manifest } = flags
  const known =
    options.servers !== false && flags.command === undefined ? await inCatalog(words, flags, options) : undefined
  if (known !== undefined) await refuseTaken(words, options)
  if (known === undefined && options.servers === 'only') throw noSuchServer(only ?? '')
  const command = known?.command ?? commandOf(words, flags.command)
  const layers = known === undefined ? [] : [known.layer]
  const { policy, origins, placed } = await policyForCommand(command, {
    cwd,
    env,
    flags,
    profile,
    manifest,
    known: layers,
  })
  return { name: flags.name ?? known?.name, command, cwd, policy, origins, placed, unused: [], review: () => undefined }
}

/** A server of the user's own stands before one of the catalogue: words behind its name do not make it the other one. */
async function refuseTaken(
  [name = '', ...more]: readonly string[],
  { cwd, env, verb = 'run' }: { cwd: string; env: NodeJS.ProcessEnv; verb?: string },
): Promise<void> {
  if (more.length === 0) return
  const { behindName, configuredNames } = await import('./explain-missing.ts')
  if ((await configuredNames(cwd, env)).includes(name)) throw behindName(name, more, verb)
}

function noSuchServer(name: string): GloveboxError {
  return new GloveboxError('NOT_FOUND', `${name}: no such server is launched or configured`, {
    fix: 'glovebox list shows those that are configured, glovebox status those that run',
  })
}

/** A short name of the catalogue, with the policy that its entry has. A program of that name is meant by its path. */
async function inCatalog(
  words: readonly string[],
  { env: given = [] }: StartFlags,
  { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<{ name: string; command: readonly string[]; layer: Layer } | undefined> {
  const { fromCatalog } = await import('../packages/catalog/from-words.ts')
  const server = await fromCatalog(words, { cwd, env, given })
  if (server === undefined) return undefined
  const { name, command, sandbox } = server
  const where = `catalog/${name}.json`
  // The limits that were enough are the catalogue's, not this user's wish: they may fall to a second mechanism.
  const { limits = {}, ...rest } = sandbox
  const layer: Layer = {
    sandbox: rest,
    env: server.env,
    defaultLimits: limits,
    originOf: () => ({ kind: 'profile', where }),
  }
  return { name, command, layer }
}

async function configured(name: string, flags: StartFlags, { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv }) {
  // Most starts are commands: the schema and a parser are loaded only where a configuration is.
  const { hasConfiguration } = await import('./find.ts')
  if (flags.config === undefined && !hasConfiguration(cwd, env)) return undefined
  const { loadServer } = await import('./servers.ts')
  const { config, profile, manifest } = flags
  return loadServer(name, { cwd, env, flags, config, profile, manifest })
}

async function notInFile(
  [name, ...more]: readonly string[],
  config: string,
  options: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<GloveboxError> {
  const [{ readScopes }, { nearest }, { places }] = await Promise.all([
    import('./scopes.ts'),
    import('./schema/nearest.ts'),
    import('../system/places.ts'),
  ])
  const { named } = await readScopes({ cwd: options.cwd, places: places(options.env) }, config)
  const names = Object.keys(named?.file.config.mcpServers ?? {})
  if (name !== undefined && names.includes(name)) {
    return new GloveboxError(
      'USAGE',
      `--config ${config}: behind the name of a server nothing stands, and there is "${more.join(' ')}"`,
      {
        fix: `its arguments are in the file; leave the rest out, or --config where you name a command`,
      },
    )
  }
  const near = name === undefined ? undefined : nearest(name, names)
  return new GloveboxError(
    'USAGE',
    `--config ${config}: ${name === undefined ? 'which server?' : `there is no server "${name}"`}`,
    {
      fix: near === undefined ? `it has ${names.join(', ') || 'none'}` : `did you mean "${near}"?`,
    },
  )
}
