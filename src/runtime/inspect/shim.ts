import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { basename, delimiter, dirname, join } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { findProgram, headOf, isProgram } from './program.ts'

interface Surroundings {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly home: string
}

/** Which version of a tool a version manager takes here, and what says so. */
interface Chosen {
  readonly versions: readonly string[]
  readonly origin: string
}

/**
 * The program behind a shim of a version manager: pyenv, rbenv, nodenv and goenv, and asdf. A shim is a script that starts the manager, which
 * looks at its whole home: shown to a sandbox, each start would run it there. So it is found as they find it, by reading what they read.
 * What says a version may be an unknown project's file: it can name one that is installed, and nothing else.
 * @returns `found` itself where it is no shim
 * @throws GloveboxError NOT_FOUND where what is chosen is not installed, or the manager is one that cannot be read
 */
export function behindShim(found: string, at: Surroundings): string {
  if (basename(dirname(found)) !== 'shims') return notVolta(found)
  const text = textOf(found)
  const family = /^exec "[^"\n]*\/(?:libexec|bin)\/(\w+env)" exec "\$program"/m.exec(text)?.[1]
  if (family !== undefined) return inFamily(found, family, at)
  if (/^# asdf-plugin: /m.test(text)) return inAsdf(found, text, at)
  if (basename(realpathSync.native(found)) === 'mise') throw unreadable(found, 'mise')
  return found
}

/** By the manager: the file that names a version in a directory. */
const versionFiles: Readonly<Record<string, string>> = {
  pyenv: '.python-version',
  rbenv: '.ruby-version',
  nodenv: '.node-version',
  goenv: '.go-version',
}

/** github.com/pyenv/pyenv: libexec/pyenv-version-name, pyenv-which, pyenv-latest; the others began as copies of it, or it of them. */
function inFamily(found: string, manager: string, at: Surroundings): string {
  const file = versionFiles[manager]
  if (file === undefined) throw unreadable(found, manager)
  const root = dirname(dirname(found))
  const { versions, origin } = chosenByFamily(root, manager, file, at)
  const installed = namesIn(join(root, 'versions'))
  for (const version of versions) {
    if (version === 'system') return inSystem(found, at)
    const name = version.replace(/^(?:python|ruby|node|go)-/, '')
    const exact = installed.includes(name) ? name : newestOf(installed.filter((other) => other.startsWith(`${name}.`)))
    const program = exact === undefined ? undefined : join(root, 'versions', exact, 'bin', basename(found))
    if (program !== undefined && isProgram(program, '/', undefined)) return program
  }
  const having = installed.filter((name) => existsSync(join(root, 'versions', name, 'bin', basename(found))))
  throw notThere(found, { manager, versions, origin, having, variable: `${manager.toUpperCase()}_VERSION` })
}

function chosenByFamily(root: string, manager: string, file: string, { cwd, env }: Surroundings): Chosen {
  const variable = `${manager.toUpperCase()}_VERSION`
  const own = env[variable]
  if (own !== undefined && own !== '') return { versions: own.split(':'), origin: variable }
  for (const path of [...upwards(cwd, file), join(root, 'version')]) {
    const versions = wordsIn(path)
    if (versions.length > 0) return { versions, origin: path }
  }
  return { versions: ['system'], origin: `${manager}, which has no global version` }
}

/** asdf-vm.com, "Configuration" (`.tool-versions`); its shims name the versions that have a program. */
function inAsdf(found: string, text: string, at: Surroundings): string {
  const root = dirname(dirname(found))
  const having = [...text.matchAll(/^# asdf-plugin: (\S+) (\S+)$/gm)].map(([, plugin = '', version = '']) => ({
    plugin,
    version,
  }))
  const plugins = [...new Set(having.map(({ plugin }) => plugin))]
  const chosen = plugins.flatMap((plugin) => chosenByAsdf(plugin, at).map((one) => ({ plugin, ...one })))
  for (const { plugin, versions } of chosen) {
    for (const version of versions) {
      if (version === 'system') return inSystem(found, at)
      const program = join(root, 'installs', plugin, version, 'bin', basename(found))
      const isKnown = having.some((one) => one.plugin === plugin && one.version === version)
      if (isKnown && isProgram(program, '/', undefined)) return program
    }
  }
  throw notThere(found, {
    manager: 'asdf',
    versions: chosen.flatMap(({ versions }) => versions),
    origin: chosen[0]?.origin ?? '.tool-versions, which there is none of,',
    having: having.map(({ version }) => version),
    variable: `ASDF_${(plugins[0] ?? '').toUpperCase().replaceAll('-', '_')}_VERSION`,
  })
}

function chosenByAsdf(plugin: string, { cwd, env, home }: Surroundings): Chosen[] {
  const variable = `ASDF_${plugin.toUpperCase().replaceAll('-', '_')}_VERSION`
  const own = env[variable]
  if (own !== undefined && own !== '') return [{ versions: own.split(' '), origin: variable }]
  for (const path of [...upwards(cwd, '.tool-versions'), join(home, '.tool-versions')]) {
    const line = linesIn(path).find((words) => words[0] === plugin)
    if (line !== undefined) return [{ versions: line.slice(1), origin: path }]
  }
  return []
}

/** What the name means where no shim is. */
function inSystem(found: string, { cwd, env }: Surroundings): string {
  const others = (env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== dirname(found))
  return findProgram(basename(found), cwd, others.join(delimiter))
}

/** Volta has one program for all shims, which looks at its name. */
function notVolta(found: string): string {
  if (basename(realpathSync.native(found)) === 'volta-shim') throw unreadable(found, 'volta')
  return found
}

function unreadable(found: string, manager: string): GloveboxError {
  const name = basename(found)
  return new GloveboxError('NOT_FOUND', `${name}: ${found} is a shim of ${manager}, which is not in a sandbox`, {
    fix: `name the program itself: "$(${manager} which ${name})"`,
  })
}

function notThere(
  found: string,
  about: Chosen & { readonly manager: string; readonly having: readonly string[]; readonly variable: string },
): GloveboxError {
  const { manager, versions, origin, having, variable } = about
  const name = basename(found)
  const wanted = versions.length === 0 ? 'no version' : versions.map((version) => JSON.stringify(version)).join(', ')
  return new GloveboxError('NOT_FOUND', `${name}: ${origin} says ${wanted}, and ${manager} has no ${name} in it`, {
    fix:
      having.length === 0
        ? `install it: ${manager} install`
        : `install it, or choose one that has it (${having.join(', ')}): ${variable}=${having.at(-1)}`,
  })
}

/** A file of that name in a directory and all above it, the nearest first. */
function upwards(cwd: string, name: string): string[] {
  const own = join(cwd, name)
  return dirname(cwd) === cwd ? [own] : [own, ...upwards(dirname(cwd), name)]
}

function wordsIn(path: string): string[] {
  return linesIn(path).flat()
}

/** Its lines as words, without comments. What is no version's name (a path, above all) is passed over. */
function linesIn(path: string): string[][] {
  return textOf(path)
    .split('\n')
    .map((line) => line.replace(/#.*$/, '').trim().split(/\s+/).filter(isVersion))
    .filter((words) => words.length > 0)
}

function isVersion(word: string): boolean {
  return /^[\w@+-][\w.@+-]*$/.test(word)
}

/** `3.12` is the newest of `3.12.1`, `3.12.10`; not an environment, a release candidate or what else begins like it. */
function newestOf(names: readonly string[]): string | undefined {
  const releases = names.filter((name) => /^[\d.]+$/.test(name))
  return releases.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : []
}

/** As much as matters of a file that somebody wrote; nothing where there is none. */
function textOf(path: string): string {
  try {
    return headOf(path, 16_384).toString('latin1')
  } catch (error) {
    if (error instanceof Error && 'code' in error) return ''
    throw error
  }
}
