import { join } from 'node:path'
import { canonicalJson, shortHash } from './canonical.ts'
import type { Interpreter } from './interpreter.ts'
import type { PackageRequest } from './package-command.ts'
import type { Resolution } from './resolution.ts'
import { readIfThere } from './store/record.ts'
import type { Store } from './store/store.ts'
import { writeWhole } from '../system/write-whole.ts'

/** What a request was resolved to, once; it stays until `package update`. */
export interface Pin {
  readonly schema: 'glovebox/pin/1'
  readonly request: PackageRequest
  /** Names the file in `resolutions/`. */
  readonly resolution: string
  readonly roots: readonly { readonly name: string; readonly version: string }[]
  readonly interpreter: Interpreter
  /** Packages whose install scripts may run. */
  readonly allowScripts: readonly string[]
  readonly at: string
  /** It came from a lock file, and holds only for starts that name one with the same versions. */
  readonly locked?: true
}

/** `lockedTo` is a resolution that a lock file demands: projects may have locked one request to different versions. */
export function pinFile(store: Store, request: PackageRequest, lockedTo?: string): string {
  return join(store.pins, `${shortHash(lockedTo === undefined ? request : [request, lockedTo])}.json`)
}

export function readPin(store: Store, request: PackageRequest, lockedTo?: string): Pin | undefined {
  const text = readIfThere(pinFile(store, request, lockedTo))
  if (text === undefined) return undefined
  const pin = JSON.parse(text) as Pin
  return pin.schema === 'glovebox/pin/1' ? pin : undefined
}

export function writePin(store: Store, pin: Pin): void {
  const lockedTo = pin.locked === true ? pin.resolution : undefined
  writeWhole(pinFile(store, pin.request, lockedTo), `${canonicalJson(pin)}\n`)
}

export function readResolution(store: Store, id: string): Resolution | undefined {
  const text = readIfThere(join(store.resolutions, `${id}.json`))
  return text === undefined ? undefined : (JSON.parse(text) as Resolution)
}

export function writeResolution(store: Store, resolution: Resolution): string {
  const id = resolutionId(resolution)
  writeWhole(join(store.resolutions, `${id}.json`), `${canonicalJson(resolution)}\n`)
  return id
}

/** The same versions with the same hashes have the same name, on every machine. */
export function resolutionId(resolution: Resolution): string {
  const entries = resolution.entries.map(({ path, name, version, integrity }) => [path, name, version, integrity])
  return shortHash([resolution.ecosystem, resolution.roots.map(({ name, version }) => [name, version]), entries])
}

/**
 * Where a resolution is installed for one interpreter: the same on every machine that is the same in these. A virtual
 * environment names its Python by path.
 */
export function packageKey({ request, roots, resolution, interpreter, allowScripts }: Pin): string {
  const [root = { name: 'package', version: '0' }] = roots
  const slug = `${root.name}-${root.version}`.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[-.]+/, '')
  const place = request.ecosystem === 'pypi' ? interpreter.path : ''
  return `${slug.slice(0, 80)}-${shortHash([resolution, interpreter.abi, place, [...allowScripts].toSorted()])}`
}
