import { existsSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { GloveboxError } from '../errors.ts'
import type { Places } from '../system/places.ts'
import { readConfig, type ConfigFile } from './file.ts'
import { fileIn, findProjectFile } from './find.ts'
import type { Scope } from './layers/file.ts'
import { folderAt, folderOf, type ProfileFolder } from './profile/folder.ts'
import { readSource, type Source } from './source.ts'
import type { Fingerprint } from './trust/fingerprint.ts'
import type { TrustState } from './trust/record.ts'

/** One configuration file that holds here, with the profiles beside it. */
export interface ConfigScope {
  readonly scope: Scope
  /** The directory of the file. */
  readonly directory: string
  readonly file: ConfigFile
  readonly profiles: ProfileFolder
  /** Only projects have to be trusted; what the user named or owns is. */
  readonly trust: TrustState | undefined
}

export interface Surroundings {
  readonly cwd: string
  readonly places: Places
}

/** The project's and the user's configuration, as far as they are there, or only the one that was named. */
export interface Scopes {
  readonly project: ConfigScope | undefined
  readonly user: ConfigScope | undefined
  readonly named: ConfigScope | undefined
}

/**
 * Reads the configurations that hold in a directory.
 * @throws GloveboxError POLICY_INVALID with file, line and column
 */
export async function readScopes({ cwd, places }: Surroundings, named: string | undefined): Promise<Scopes> {
  if (named !== undefined) {
    const path = resolve(cwd, named)
    if (!existsSync(path)) {
      throw new GloveboxError('USAGE', `--config ${named}: there is no such file`, { fix: 'check the path' })
    }
    const directory = dirname(path)
    const file = await readConfig(readSource(path))
    const scope: Scope = { kind: 'file', base: directory }
    return { project: undefined, user: undefined, named: withProfiles(scope, directory, file) }
  }
  const [project, user] = [findProjectFile(cwd, places.config), fileIn(places.config)]
  const userScope: Scope = { kind: 'user', base: cwd }
  return {
    project: project && (await readProject(project.directory, readSource(project.path), places)),
    user: user && withProfiles(userScope, user.directory, await readConfig(readSource(user.path))),
    named: undefined,
  }
}

function withProfiles(scope: Scope, directory: string, file: ConfigFile): ConfigScope {
  const profiles = folderAt(scope.kind, join(directory, 'profiles'))
  return { scope, directory, file, profiles, trust: undefined }
}

async function readProject(directory: string, source: Source, places: Places): Promise<ConfigScope> {
  // Only for a project: hashing is not loaded for the user's own servers.
  const [{ fingerprint }, { trustState }] = await Promise.all([
    import('./trust/fingerprint.ts'),
    import('./trust/record.ts'),
  ])
  const seen = fingerprint(directory, source)
  return {
    scope: { kind: 'project', base: directory },
    directory: realpathSync.native(directory),
    file: await readConfig(source),
    profiles: folderOf('project', join(directory, 'profiles'), profileTexts(seen)),
    trust: trustState(places.state, directory, seen),
  }
}

function profileTexts({ files }: Fingerprint): Map<string, string> {
  const prefix = 'profiles/'
  return new Map(
    files.filter(({ name }) => name.startsWith(prefix)).map(({ name, text }) => [name.slice(prefix.length), text]),
  )
}
