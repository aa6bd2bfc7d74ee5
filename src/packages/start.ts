import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { GloveboxError } from '../errors.ts'
import type { Places } from '../system/places.ts'
import { shellWord } from '../ui/shell-word.ts'
import { isUnchanged } from './interpreter.ts'
import { chooseExecutable } from './npm/executables.ts'
import type { PackageCommand, PackageRequest } from './package-command.ts'
import type { LockOptions, LockedRequest } from './lock-file.ts'
import { packageKey, readPin, resolutionId } from './pin.ts'
import type { Installed } from './install.ts'
import { recognise } from './recognise/recognise.ts'
import { readRecord, treeOf } from './store/record.ts'
import { storeIn, type Store } from './store/store.ts'
import { verifyBeforeStart } from './store/verify.ts'

export interface StartOptions {
  readonly places: Places
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** One line at a time, for stderr. */
  readonly progress: (line: string) => void
  readonly offline?: boolean
  /** The lock file of the configuration that names the server. */
  readonly lock?: LockOptions
  readonly signal?: AbortSignal
  /** False: a package that is not installed is an error, and nothing is asked, resolved or written. */
  readonly installs?: boolean
}

/** What a package runner's command becomes: the interpreter on the entry point, with the arguments as they were. */
export interface ResolvedCommand {
  readonly command: readonly string[]
  /** What runs, for the plan and the record; undefined for a project's own executable. */
  readonly package:
    | { readonly ecosystem: 'npm' | 'pypi'; readonly name: string; readonly version: string; readonly key: string }
    | undefined
  /**
   * To be awaited before anything of the package runs: throws REFUSED when it is not what was installed. Beside the
   * building of the wall, since it looks at each of some thousand files.
   */
  readonly verify: (() => Promise<void>) | undefined
}

/**
 * `npx …`, `uvx …` and their like as the pinned package that they mean, installed when it is not yet; undefined for any
 * other command. Installed already, it needs no network and a few milliseconds.
 * @throws GloveboxError
 */
export async function resolveCommand(
  command: readonly string[],
  options: StartOptions,
): Promise<ResolvedCommand | undefined> {
  const recognised = recognise(command)
  if (recognised === undefined) return undefined
  if (recognised.kind === 'image') {
    throw new GloveboxError(
      'HOST_CANNOT',
      `${recognised.runner} ${recognised.image}: images need the container driver, which this version does not have`,
      { fix: 'use the npm or PyPI package of the same server' },
    )
  }
  const local = recognised.localName === undefined ? undefined : findLocal(recognised.localName, options.cwd)
  if (local !== undefined) return { command: [local, ...recognised.args], package: undefined, verify: undefined }
  const store = storeIn(options.places.data)
  const installed =
    (await findInstalled(store, recognised, options.lock)) ?? (await install(store, recognised, command, options))
  if (installed === undefined) return undefined
  for (const flag of recognised.ignored)
    options.progress(`${recognised.runner} ${flag}: ignored, the version is pinned; glovebox package update changes it`)
  const [root = { name: '', version: '' }] = installed.pin.roots
  return {
    command: commandOf(store, recognised, installed),
    package: { ecosystem: recognised.request.ecosystem, ...root, key: installed.record.key },
    verify: () => verifyBeforeStart(store, installed.record),
  }
}

/** Pinned, with an interpreter that is still there, and in the store: the everyday case. */
async function findInstalled(
  store: Store,
  { request }: PackageCommand,
  lock: LockOptions | undefined,
): Promise<Installed | undefined> {
  const locked = await lockedFor(lock, request)
  const pin = readPin(store, request, locked && resolutionId(locked.resolution))
  if (pin === undefined || !isUnchanged(pin.interpreter)) return undefined
  const record = readRecord(store, packageKey(pin))
  return record === undefined ? undefined : { pin, record }
}

async function install(
  store: Store,
  recognised: PackageCommand,
  command: readonly string[],
  { env, progress, offline = false, signal, lock, installs = true }: StartOptions,
): Promise<Installed | undefined> {
  if (recognised.onlyPinned === true && readPin(store, recognised.request) === undefined) return undefined
  if (!installs) throw await notInstalled(store, recognised, command, lock)
  progress(`not installed yet; ahead of time: glovebox package install -- ${command.map(shellWord).join(' ')}`)
  const { ensureInstalled } = await import('./install.ts')
  return ensureInstalled(recognised.request, { store, env, offline, progress, signal, lock })
}

/** Most starts name no lock file, and load nothing that reads one. */
async function lockedFor(lock: LockOptions | undefined, request: PackageRequest): Promise<LockedRequest | undefined> {
  return lock === undefined ? undefined : (await import('./lock-file.ts')).lockedTo(lock, request)
}

async function notInstalled(
  store: Store,
  { request }: PackageCommand,
  command: readonly string[],
  lock: LockOptions | undefined,
): Promise<GloveboxError> {
  const locked = (await lockedFor(lock, request))?.resolution
  const pinned = locked ?? readPin(store, request)
  const versions = pinned?.roots.map(({ name, version }) => `${name} ${version}`).join(', ')
  const what = versions ?? `${request.packages.join(', ')}, in a version that is still to be resolved,`
  const lockFlags = lock === undefined ? '' : `--lock ${shellWord(lock.path)} ${lock.frozen ? '--frozen ' : ''}`
  return new GloveboxError('FAILED', `${what} would be installed first, and a plan installs nothing`, {
    fix: `glovebox package install ${lockFlags}-- ${command.map(shellWord).join(' ')}`,
  })
}

/** The interpreter on the entry point that a command means in an installed package, with its arguments. */
export function commandOf(store: Store, { entry, args, runner }: PackageCommand, { pin, record }: Installed): string[] {
  const tree = treeOf(store, record.key)
  const isPython = record.ecosystem === 'pypi'
  const interpreter = isPython ? join(tree, 'bin', 'python') : pin.interpreter.path
  if (entry.kind === 'interpreter') return [interpreter, ...args]
  if (entry.kind === 'module') return [interpreter, '-m', entry.name, ...args]
  const [root] = record.roots
  const executable = chooseExecutable(record.executables, entry.name, root?.name ?? '')
  if (executable === undefined) throw noExecutable(runner, entry.name, record)
  const path = join(tree, executable.path)
  const { interpreterArgs } = executable
  return interpreterArgs === null ? [path, ...args] : [interpreter, ...interpreterArgs, path, ...args]
}

function noExecutable(runner: string, name: string | undefined, record: Installed['record']): GloveboxError {
  const [root] = record.roots
  const names = Object.keys(record.executables)
  const what = `${root?.name ?? ''} ${root?.version ?? ''}`
  return new GloveboxError(
    'NOT_FOUND',
    name === undefined
      ? `${what} does not say which of its executables is meant`
      : `${what} has no executable "${name}"`,
    {
      fix:
        names.length === 0
          ? 'it has none at all: it is a library, and cannot be run'
          : `it has ${names.join(', ')}: ${runner} --${record.ecosystem === 'npm' ? 'package' : 'from'} ${root?.name} ${names[0]}`,
    },
  )
}

/** npx runs a project's own executable before it asks a registry (npm-exec(1)): a private name must not become a public one. */
function findLocal(name: string, cwd: string): string | undefined {
  for (let directory = cwd; ; directory = dirname(directory)) {
    const candidate = join(directory, 'node_modules', '.bin', name)
    if (statSync(candidate, { throwIfNoEntry: false })?.isFile() === true) return candidate
    if (directory === dirname(directory)) return undefined
  }
}
