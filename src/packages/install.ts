import { GloveboxError } from '../errors.ts'
import { isUnchanged, type Interpreter } from './interpreter.ts'
import type { PackageRequest } from './package-command.ts'
import { lockedTo, type LockedRequest, type LockOptions } from './lock-file.ts'
import { packageKey, readPin, readResolution, resolutionId, writePin, writeResolution, type Pin } from './pin.ts'
import { shortHash } from './canonical.ts'
import type { Resolution } from './resolution.ts'
import { holding } from './store/mutex.ts'
import { publish } from './store/publish.ts'
import { readRecord, type PackageRecord } from './store/record.ts'
import { untilSignalled } from '../runtime/signals.ts'
import { reapStaging, removeTree, stage } from './store/staging.ts'
import type { Store } from './store/store.ts'

export interface InstallOptions {
  readonly store: Store
  readonly env: NodeJS.ProcessEnv
  readonly offline: boolean
  /** One line at a time, for stderr. */
  readonly progress: (line: string) => void
  readonly signal?: AbortSignal | undefined
  readonly lock?: LockOptions | undefined
  /** Packages whose install scripts may run from now on; without it, those that were allowed before. */
  readonly allowScripts?: readonly string[] | undefined
}

export interface Installed {
  readonly pin: Pin
  readonly record: PackageRecord
}

/** What an ecosystem has to do for the rest to be the same: `npm/ecosystem.ts`, `pypi/ecosystem.ts`. */
export interface Ecosystem {
  resolve(
    request: PackageRequest,
  ): Promise<{ resolution: Resolution; interpreter: Interpreter; notes: readonly string[] }>
  /** @throws GloveboxError REFUSED when a lock's versions are not those of the packages that were asked for */
  requireFits(request: PackageRequest, resolution: Resolution): Promise<void>
  interpreterFor(request: PackageRequest, resolution: Resolution): Promise<Interpreter>
  install(tree: string, key: string, resolution: Resolution, interpreter: Interpreter): Promise<void>
  /** Runs what was allowed. @throws GloveboxError when this ecosystem has nothing to run, or it fails */
  build(tree: string, resolution: Resolution, interpreter: Interpreter, allowed: readonly string[]): Promise<void>
  describe(
    tree: string,
    resolution: Resolution,
    interpreter: Interpreter,
  ): Pick<PackageRecord, 'executables' | 'scripts'>
  /** Links that lead out of a tree and have to: a virtual environment's `python`. */
  readonly allowedLinks: ReadonlySet<string>
}

/**
 * The package that a request means, resolved and installed as far as it is not yet.
 * @throws GloveboxError; Interrupted when somebody wants us to end, once nothing of it is left
 */
export async function ensureInstalled(request: PackageRequest, options: InstallOptions): Promise<Installed> {
  return untilSignalled(async (interrupted) => {
    const signal = options.signal === undefined ? interrupted : AbortSignal.any([options.signal, interrupted])
    return install(request, { ...options, signal })
  })
}

async function install(request: PackageRequest, options: InstallOptions): Promise<Installed> {
  const { store, progress, signal } = options
  const ecosystem = await loadEcosystem(request.ecosystem, options)
  const what = request.packages.join(', ')
  const waiting = `${what} is being installed by another glovebox; waiting for it`
  return holding(store, `request-${shortHash(request)}`, { signal, onWait: () => progress(waiting) }, async () => {
    const pin = withAllowed(await pinFor(request, ecosystem, options), options)
    return installPinned(pin, ecosystem, options)
  })
}

async function pinFor(request: PackageRequest, ecosystem: Ecosystem, options: InstallOptions): Promise<Pin> {
  const locked = lockedTo(options.lock, request)
  const current = await currentPin(request, ecosystem, options, locked && resolutionId(locked.resolution))
  if (current !== undefined) return current
  return locked === undefined ? resolveAnew(request, ecosystem, options) : adoptLocked(locked, ecosystem, options)
}

/** What may run is part of what is pinned: a tree that was built is another one. */
function withAllowed(pin: Pin, { store, allowScripts }: InstallOptions): Pin {
  if (allowScripts === undefined) return pin
  const scripts = new Set(
    readResolution(store, pin.resolution)?.entries.flatMap(({ name, scripts: has }) => (has ? name : [])),
  )
  const unknown = allowScripts.find((name) => !scripts.has(name))
  if (unknown !== undefined) {
    throw new GloveboxError('USAGE', `--allow-scripts ${unknown}: no package of that name here has install scripts`, {
      fix: scripts.size === 0 ? 'leave it out: nothing here has any' : `these have: ${[...scripts].join(', ')}`,
    })
  }
  const allowed = { ...pin, allowScripts: [...new Set(allowScripts)].toSorted() }
  writePin(store, allowed)
  return allowed
}

/** A pin from before, with an interpreter that is there now. */
async function currentPin(
  request: PackageRequest,
  ecosystem: Ecosystem,
  { store, progress }: InstallOptions,
  locked: string | undefined,
): Promise<Pin | undefined> {
  const pin = readPin(store, request, locked)
  if (pin === undefined || isUnchanged(pin.interpreter)) return pin
  const resolution = readResolution(store, pin.resolution)
  if (resolution === undefined) return undefined
  const interpreter = await ecosystem.interpreterFor(request, resolution)
  progress(`${pin.interpreter.path} is gone or changed; now with ${interpreter.path} (${interpreter.version})`)
  const renewed = { ...pin, interpreter }
  writePin(store, renewed)
  return renewed
}

/** Somebody else's versions: they have to be of the packages that the command names. */
async function adoptLocked(
  { request, resolution, allowScripts }: LockedRequest,
  ecosystem: Ecosystem,
  { store }: InstallOptions,
): Promise<Pin> {
  await ecosystem.requireFits(request, resolution)
  const interpreter = await ecosystem.interpreterFor(request, resolution)
  const pin = {
    ...newPin(request, writeResolution(store, resolution), resolution, interpreter),
    allowScripts,
    locked: true as const,
  }
  writePin(store, pin)
  return pin
}

async function resolveAnew(
  request: PackageRequest,
  ecosystem: Ecosystem,
  { store, progress }: InstallOptions,
): Promise<Pin> {
  progress(`resolving ${request.packages.join(', ')}`)
  const { resolution, interpreter, notes } = await ecosystem.resolve(request)
  for (const note of notes) progress(note)
  const pin = newPin(request, writeResolution(store, resolution), resolution, interpreter)
  writePin(store, pin)
  return pin
}

function newPin(request: PackageRequest, id: string, { roots }: Resolution, interpreter: Interpreter): Pin {
  return {
    schema: 'glovebox/pin/1',
    request,
    resolution: id,
    roots: roots.map(({ name, version }) => ({ name, version })),
    interpreter,
    allowScripts: [],
    at: new Date().toISOString(),
  }
}

/** Installs what a pin says, which does not have to be written down. */
export async function installPinned(pin: Pin, ecosystem: Ecosystem, options: InstallOptions): Promise<Installed> {
  const { store, progress, signal } = options
  const key = packageKey(pin)
  const onWait = (): void => progress(`waiting for another install of ${key}`)
  return holding(store, key, { signal, onWait }, async () => ({
    pin,
    record: readRecord(store, key) ?? (await installInto(key, pin, ecosystem, options)),
  }))
}

async function installInto(
  key: string,
  pin: Pin,
  ecosystem: Ecosystem,
  { store, progress }: InstallOptions,
): Promise<PackageRecord> {
  const resolution = readResolution(store, pin.resolution)
  if (resolution === undefined) {
    throw new GloveboxError('FAILED', `the versions that ${pin.request.packages.join(', ')} was pinned to are lost`, {
      fix: `glovebox package update ${pin.roots[0]?.name ?? ''}`,
    })
  }
  reapStaging(store)
  progress(
    `installing ${pin.roots.map(({ name, version }) => `${name} ${version}`).join(', ')} with ${resolution.entries.length} packages`,
  )
  const staged = stage(store, key)
  try {
    await ecosystem.install(`${staged}/tree`, key, resolution, pin.interpreter)
    if (pin.allowScripts.length > 0) {
      await ecosystem.build(`${staged}/tree`, resolution, pin.interpreter, pin.allowScripts)
    }
    const facts = ecosystem.describe(`${staged}/tree`, resolution, pin.interpreter)
    const record = publish(
      store,
      staged,
      {
        key,
        ecosystem: resolution.ecosystem,
        roots: pin.roots,
        resolution: pin.resolution,
        abi: pin.interpreter.abi,
        packages: resolution.entries.length,
        ...facts,
        scripts: facts.scripts.map((script) => ({ ...script, ran: pin.allowScripts.includes(script.name) })),
      },
      ecosystem.allowedLinks,
    )
    tellScripts(record, progress)
    return record
  } catch (error) {
    removeTree(staged)
    throw error
  }
}

function tellScripts({ scripts }: PackageRecord, progress: InstallOptions['progress']): void {
  const silent = scripts.filter(({ ran }) => !ran).map(({ name }) => name)
  if (silent.length === 0) return
  progress(`install scripts of ${silent.join(', ')} were not run; most packages work without theirs, and`)
  progress('glovebox package install --allow-scripts NAME -- COMMAND runs one in a jail without a network')
}

export async function loadEcosystem(name: PackageRequest['ecosystem'], options: InstallOptions): Promise<Ecosystem> {
  if (name === 'npm') return (await import('./npm/ecosystem.ts')).npmEcosystem(options)
  return (await import('./pypi/ecosystem.ts')).pypiEcosystem(options)
}
