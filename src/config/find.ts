import { existsSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { GloveboxError } from '../errors.ts'
import { places } from '../system/places.ts'
import { configFileNames } from './spelling.ts'

/** The directory that a configuration holds for, and its file. */
export interface FoundFile {
  readonly directory: string
  readonly path: string
}

/**
 * The configuration of the project: the nearest one from `cwd` upwards. The user's own directory is no project.
 * @throws GloveboxError POLICY_INVALID when one directory has two
 */
export function findProjectFile(cwd: string, userDirectory: string): FoundFile | undefined {
  for (let directory = resolve(cwd); ; directory = dirname(directory)) {
    const found = fileIn(directory)
    if (found !== undefined && realDirectory(directory) !== realDirectory(userDirectory)) return found
    if (dirname(directory) === directory) return undefined
  }
}

/**
 * The configuration in a directory.
 * @throws GloveboxError POLICY_INVALID when it has two
 */
export function fileIn(directory: string): FoundFile | undefined {
  const [first, second] = configFileNames.filter((name) => existsSync(join(directory, name)))
  if (first === undefined) return undefined
  if (second === undefined) return { directory, path: join(directory, first) }
  throw new GloveboxError('POLICY_INVALID', `${directory}: ${first} and ${second} are both there`, {
    fix: 'keep one of them: they are two spellings of the same',
  })
}

function realDirectory(path: string): string {
  return existsSync(path) ? realpathSync.native(path) : path
}

/** Whether there is any configuration to look into. */
export function hasConfiguration(cwd: string, env: NodeJS.ProcessEnv): boolean {
  const { config } = places(env)
  return findProjectFile(cwd, config) !== undefined || fileIn(config) !== undefined
}
