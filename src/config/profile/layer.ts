import { basename } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import type { Layer } from '../layers/layer.ts'
import { nearest } from '../schema/nearest.ts'
import { spellPath } from '../tree.ts'
import { chooseProfile } from './choose.ts'
import type { Profile } from './draft.ts'
import type { ProfileFolder } from './folder.ts'
import { readProfile } from './parse.ts'

/** The profile of a start as a layer, and how it was come by. */
export interface ChosenProfile {
  readonly layer: Layer
  readonly name: string
  /** `named`, `for the server`, `from the command`. */
  readonly why: string
  /** Its name, when it is a project's and stands before one of the user's. */
  readonly hides: string | undefined
}

/**
 * The profile that is named, else the one for the server, else the one that suits the command.
 * @throws GloveboxError POLICY_INVALID when the one that is named is not there, or does not mean anything
 */
export function profileLayer(options: {
  server: string | undefined
  wanted: string | undefined
  command: readonly string[]
  folders: readonly ProfileFolder[]
  home: string
}): ChosenProfile {
  const { server, wanted, command, folders, home } = options
  const read = (name: string): Profile | undefined => readProfile(name, folders, home)
  const named = wanted === undefined ? undefined : (read(wanted) ?? unknownProfile(wanted, folders))
  const own = named ?? (server !== undefined && hasOwn(server, folders) ? read(server) : undefined)
  const profile = own ?? read(chooseProfile(command)) ?? unknownProfile('unknown', folders)
  const why = named !== undefined ? 'named' : own !== undefined ? 'for the server' : 'from the command'
  return { layer: layerOf(profile, why), name: profile.name, why, hides: hidden(profile.name, folders) }
}

/** A server that is called like a built-in profile does not mean it. */
function hasOwn(server: string, folders: readonly ProfileFolder[]): boolean {
  return folders.some(({ kind, read }) => kind !== 'built-in' && read(`${server}.profile`) !== undefined)
}

function layerOf(profile: Profile, why: string): Layer {
  const { sandbox, env, defaultLimits, places } = profile
  return {
    sandbox: { ...sandbox, profile: profile.name },
    env,
    defaultLimits,
    originOf(path) {
      const key = spellPath(path)
      const place = places.get(key)
      const where = place === undefined ? `${profile.name}, ${why}` : `${place.file}:${place.line}`
      return { kind: 'profile', where }
    },
  }
}

function hidden(name: string, folders: readonly ProfileFolder[]): string | undefined {
  const holders = folders.filter((folder) => folder.read(`${name}.profile`) !== undefined)
  return holders[0]?.kind === 'project' && holders.some(({ kind }) => kind === 'user') ? name : undefined
}

function unknownProfile(name: string, folders: readonly ProfileFolder[]): never {
  const all = [...new Set(folders.flatMap((folder) => folder.names()))]
  const own = folders.find(({ kind }) => kind === 'user')
  if (own !== undefined && /\/|\.profile$/.test(name)) {
    const alone = basename(name, '.profile')
    throw new GloveboxError('POLICY_INVALID', `a profile has a name, and "${name}" is a file`, {
      fix: all.includes(alone) ? `write "${alone}"` : `put the file into ${own.path}, and write "${alone}"`,
    })
  }
  const near = nearest(name, all)
  throw new GloveboxError('POLICY_INVALID', `there is no profile "${name}"`, {
    fix: near === undefined ? `one of ${all.join(', ')}` : `did you mean "${near}"?`,
  })
}
