import { existsSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { GloveboxError } from '../errors.ts'
import { places as placesOf } from '../system/places.ts'
import { checkConfig } from './file.ts'
import { fileIn, findProjectFile } from './find.ts'
import { spellProblem } from './problem.ts'
import { profileFolders, folderAt } from './profile/folder.ts'
import { ProfileError, readProfile } from './profile/parse.ts'
import { configureServer, ownerOf } from './servers.ts'
import { readScopes } from './scopes.ts'
import { readSource } from './source.ts'

/** One thing that is wrong, in a file that was checked. */
export interface Finding {
  readonly code: 'POLICY_INVALID' | 'HOST_CANNOT'
  readonly message: string
  readonly fix: string
}

export interface Checked {
  readonly files: readonly string[]
  readonly findings: readonly Finding[]
}

/**
 * Everything that is wrong in configurations and profiles: those that are named, else those that hold here.
 * @throws GloveboxError USAGE when a file that was named is not there
 */
export async function checkFiles(
  named: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<Checked> {
  const files = named.length > 0 ? named.map((file) => resolve(options.cwd, file)) : filesHere(options)
  const findings: Finding[] = []
  for (const file of files) {
    if (!existsSync(file)) throw new GloveboxError('USAGE', `${file}: there is no such file`, { fix: 'check the path' })
    const found = await (file.endsWith('.profile')
      ? checkOneProfile(file, options.env)
      : checkConfiguration(file, options))
    // What is wrong in a profile is wrong in each server that has it, too.
    findings.push(...found.filter(({ message }) => !findings.some((known) => known.message === message)))
  }
  return { files, findings }
}

function filesHere({ cwd, env }: { cwd: string; env: NodeJS.ProcessEnv }): string[] {
  const { config } = placesOf(env)
  const found = [findProjectFile(cwd, config), fileIn(config)].filter((file) => file !== undefined)
  const folders = new Set(
    [...found.map(({ directory }) => directory), config].map((directory) => join(directory, 'profiles')),
  )
  const profiles = [...folders].filter(existsSync).flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.profile'))
      .toSorted()
      .map((name) => join(folder, name)),
  )
  return [...found.map(({ path }) => path), ...profiles]
}

async function checkConfiguration(file: string, options: { cwd: string; env: NodeJS.ProcessEnv }): Promise<Finding[]> {
  return collect(async () => {
    const { problems } = await checkConfig(readSource(file))
    if (problems.length > 0) {
      return problems.map((problem) => ({ code: 'POLICY_INVALID', message: spellProblem(problem), fix: problem.fix }))
    }
    const scopes = await readScopes({ cwd: options.cwd, places: placesOf(options.env) }, file)
    const found: Finding[] = []
    for (const name of Object.keys(scopes.named?.file.config.mcpServers ?? {})) {
      const owner = ownerOf(name, scopes)
      // A remote server is a legal entry; only its start is not there yet.
      if (owner?.file.config.mcpServers?.[name]?.url !== undefined) continue
      found.push(
        ...(await collect(async () => {
          if (owner !== undefined) await configureServer(name, owner, scopes, { ...options, copiesNothing: true })
          return []
        })),
      )
    }
    return found
  })
}

async function checkOneProfile(file: string, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const folders = profileFolders(folderAt('file', dirname(file)), placesOf(env))
  return collect(async () => {
    readProfile(basename(file, '.profile'), folders, homedir())
    return []
  })
}

async function collect(act: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await act()
  } catch (error) {
    return findingsOf(error)
  }
}

function findingsOf(error: unknown): Finding[] {
  if (error instanceof ProfileError) return error.mistakes.map((mistake) => ({ code: 'POLICY_INVALID', ...mistake }))
  if (!(error instanceof GloveboxError)) throw error
  const code = error.code === 'HOST_CANNOT' ? 'HOST_CANNOT' : 'POLICY_INVALID'
  return [{ code, message: error.message, fix: error.fix ?? '' }]
}
