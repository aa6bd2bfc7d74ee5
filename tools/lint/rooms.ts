import path from 'node:path'
import { isBuiltin } from 'node:module'

/** One import as it is written in a file of `src/`; paths are relative to the project's root, with forward slashes. */
export interface Import {
  readonly from: string
  readonly specifier: string
}

/** Built-ins that only compute: the same input gives the same output, and nothing outside changes. */
const pureBuiltins: ReadonlySet<string> = new Set([
  'node:buffer',
  'node:path',
  'node:path/posix',
  'node:path/win32',
  'node:string_decoder',
  'node:url',
  'node:util',
])

/** Packages that only compute, room by room: the reader and writer under the generated types of the channel. */
const purePackages: Readonly<Record<string, string>> = { protocol: '@bufbuild/protobuf/wire' }

/** What the rooms without effects may import beside themselves and `errors.ts`. */
const pureRooms: Readonly<Record<string, readonly string[]>> = {
  policy: ['protocol'],
  protocol: [],
}

/** The folder below `src/drivers` that every driver may import, and which imports none. */
const sharedByDrivers = 'launcher'

/**
 * Why design.md, "Rooms, and who may import whom", forbids an import; undefined when it does not.
 * Type imports are held to the same rules: a room that knows another's types depends on it.
 */
export function whyForbidden({ from, specifier }: Import): string | undefined {
  const room = roomOf(from)
  const to = targetOf(from, specifier)
  return (
    childProcess(room, specifier) ??
    effects(room, specifier, to) ??
    (to === undefined ? undefined : (otherDriver(from, to) ?? driverFromGuard(room, to) ?? otherCommand(from, to)))
  )
}

function childProcess(room: string, specifier: string): string | undefined {
  const starts = specifier === 'node:child_process' || specifier === 'child_process'
  return starts && room !== 'system' ? 'only src/system starts processes' : undefined
}

function effects(room: string, specifier: string, to: string | undefined): string | undefined {
  const friends = pureRooms[room]
  if (friends === undefined) return undefined
  if (to === undefined) {
    if (pureBuiltins.has(specifier) || purePackages[room] === specifier) return undefined
    const what = isBuiltin(specifier) ? 'a built-in with effects' : 'a package'
    return `src/${room} is pure: it does not import ${what}`
  }
  const inside = to === 'src/errors.ts' || [room, ...friends].includes(roomOf(to))
  return inside ? undefined : `src/${room} is pure: it imports only ${[room, ...friends, 'errors.ts'].join(', ')}`
}

function otherDriver(from: string, to: string): string | undefined {
  const [own, other] = [driverOf(from), driverOf(to)]
  if (other === undefined || own === other || roomOf(from) !== 'drivers') return undefined
  if (own !== undefined) return `the driver ${own} does not import the driver ${other}`
  return from === 'src/drivers/registry.ts' ? undefined : 'in src/drivers only registry.ts imports a driver'
}

function driverFromGuard(room: string, to: string): string | undefined {
  const handed = room === 'guard' || room === 'gateway'
  return handed && roomOf(to) === 'drivers' ? `src/${room} is handed a sandbox: it imports no driver` : undefined
}

function otherCommand(from: string, to: string): string | undefined {
  const [own, other] = [commandOf(from), commandOf(to)]
  if (own === undefined || other === undefined || own === other) return undefined
  return `the command ${own} does not import the command ${other}: what both need belongs in another room`
}

/** `src/guard/framer.ts` → `guard`; `src/cli.ts` → ``. */
function roomOf(file: string): string {
  const parts = file.split('/')
  return parts.length > 2 ? (parts[1] ?? '') : ''
}

/** `src/drivers/jail/start.ts` → `jail`; `src/drivers/driver.ts` and what drivers share → undefined. */
function driverOf(file: string): string | undefined {
  const folder = /^src\/drivers\/([^/]+)\//.exec(file)?.[1]
  return folder === sharedByDrivers ? undefined : folder
}

/** `src/commands/audit.ts` and `src/commands/audit/tail.ts` → `audit`. */
function commandOf(file: string): string | undefined {
  return /^src\/commands\/([^/]+?)(?:\/|\.[cm]?ts$)/.exec(file)?.[1]
}

function targetOf(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  return path.posix.join(path.posix.dirname(from), specifier)
}
