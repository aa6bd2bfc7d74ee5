import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import type { AccelName, OwnMachine, VmmName } from '../../policy/plan.ts'
import type { SecretWords } from '../../policy/secret-words.ts'
import type { LimitsConfig } from '../schema/limits.ts'
import type { SandboxConfig } from '../schema/sandbox.ts'
import { spellPath, type KeyPath } from '../tree.ts'
import type { Origin, Origins } from './origin.ts'

/** One source of a policy. Several are laid over each other, the weakest first. */
export interface Layer {
  readonly sandbox: SandboxConfig
  readonly env: Readonly<Record<string, string>>
  /** Where a key of `sandbox` is written; variables are asked for as `['env', NAME]`. */
  readonly originOf: (path: KeyPath) => Origin
  /** `--sync`: of the workspace that any layer has. */
  readonly sync?: 'ask' | 'yes' | 'no'
  /** `--vmm` */
  readonly vmm?: VmmName
  /** `--accel` */
  readonly accel?: AccelName
  /** `--image` */
  readonly machine?: OwnMachine
  /** Limits that nobody wrote down for this host: they may fall to a second mechanism. */
  readonly defaultLimits?: LimitsConfig
}

export interface Merged {
  readonly sandbox: SandboxConfig
  readonly env: Readonly<Record<string, string>>
  readonly defaultLimits: LimitsConfig
  readonly vmm: VmmName | undefined
  readonly accel: AccelName | undefined
  readonly machine: OwnMachine | undefined
  readonly origins: Origins
}

/** Lists in which every layer adds to what the weaker ones say. */
const growing: readonly KeyPath[] = [
  ['filesystem', 'read'],
  ['filesystem', 'write'],
  ['filesystem', 'deny'],
  ['network', 'allow'],
  ['network', 'deny'],
  ['network', 'private'],
  ['network', 'resolvers'],
  ['network', 'publish'],
  ['tools', 'deny'],
  ['allowDegraded'],
]

/** Tables in which a stronger layer replaces the entry of the same name. */
const tables: readonly KeyPath[] = [['secrets'], ['tools', 'each']]

/** Values that the strongest layer decides, as a whole. */
const single: readonly KeyPath[] = [
  ['driver'],
  ['profile'],
  ['workspace'],
  ['exec'],
  ['lifetime'],
  ['group'],
  ['template'],
  ['pool'],
  ['network', 'ask'],
  ['network', 'limits', 'connections'],
  ['network', 'limits', 'bandwidth'],
  ['network', 'limits', 'bytes'],
  ['network', 'limits', 'idle'],
  ['tools', 'allow'],
  ['mode'],
]

const limits = ['memory', 'cpus', 'pids', 'disk', 'openFiles', 'time', 'idle', 'output', 'message'] as const

/** One policy out of layers, the weakest first, with the origin of each value. */
export function mergeLayers(layers: readonly Layer[]): Merged {
  const sandbox: Record<string, unknown> = {}
  const env: Record<string, string> = Object.create(null)
  const defaultLimits: Record<string, number> = {}
  const origins = new Map<string, Origin>()
  for (const layer of layers) {
    const note = (path: KeyPath): void => void origins.set(spellPath(path), layer.originOf(path))
    for (const path of single) {
      const value = valueAt(layer.sandbox, path)
      if (value === undefined) continue
      put(sandbox, path, value)
      note(path)
    }
    for (const path of growing) addItems(sandbox, path, layer, origins)
    for (const path of tables) {
      for (const [name, value] of Object.entries(valueAt(layer.sandbox, path) ?? {})) {
        put(sandbox, [...path, name], value)
        note([...path, name])
      }
    }
    for (const name of limits) {
      const [own, otherwise] = [layer.sandbox.limits?.[name], layer.defaultLimits?.[name]]
      if (otherwise !== undefined) defaultLimits[name] = otherwise
      if (own !== undefined) put(sandbox, ['limits', name], own)
      if (own !== undefined || otherwise !== undefined) note(['limits', name])
    }
    for (const [name, value] of Object.entries(layer.env)) {
      env[name] = value
      note(['env', name])
    }
  }
  const vmm = layers.findLast((layer) => layer.vmm !== undefined)?.vmm
  const accel = layers.findLast((layer) => layer.accel !== undefined)?.accel
  const machine = layers.findLast((layer) => layer.machine !== undefined)?.machine
  return { sandbox: withSync(sandbox, layers), env, defaultLimits, vmm, accel, machine, origins }
}

function withSync(sandbox: SandboxConfig, layers: readonly Layer[]): SandboxConfig {
  const sync = layers.findLast((layer) => layer.sync !== undefined)?.sync
  if (sync === undefined) return sandbox
  const { workspace } = sandbox
  if (workspace !== undefined && (workspace.mode ?? 'copy') === 'copy')
    return { ...sandbox, workspace: { ...workspace, sync } }
  throw new GloveboxError('USAGE', '--sync: there is no copied workspace whose changes could be taken over', {
    fix: 'add --workspace DIR, or leave --sync out',
  })
}

/** Items that are new are added; one that is there already belongs to the stronger layer from now on. */
function addItems(target: Record<string, unknown>, path: KeyPath, layer: Layer, origins: Map<string, Origin>): void {
  const added = valueAt(layer.sandbox, path) as readonly string[] | undefined
  if (added === undefined) return
  const items = [...((valueAt(target, path) as readonly string[] | undefined) ?? [])]
  for (const [index, item] of added.entries()) {
    const known = items.indexOf(item)
    const at = known < 0 ? items.push(item) - 1 : known
    origins.set(spellPath([...path, at]), layer.originOf([...path, index]))
  }
  put(target, path, items)
}

function valueAt(value: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<string | number, unknown>)[key] : undefined),
    value,
  )
}

function put(target: Record<string, unknown>, path: KeyPath, value: unknown): void {
  let at = target
  for (const key of path.slice(0, -1)) at = (at[key] ??= Object.create(null)) as Record<string, unknown>
  at[path.at(-1) ?? ''] = value
}

/** A sandbox whose paths are absolute: relative ones belong to `base`, `~/` to the user's home. */
export function withAbsolutePaths(sandbox: SandboxConfig, base: string): SandboxConfig {
  const absolute = (path: string): string => absolutePath(path, base)
  const { filesystem, workspace, exec, secrets } = sandbox
  return {
    ...sandbox,
    ...(filesystem && {
      filesystem: {
        ...(filesystem.read && { read: filesystem.read.map(absolute) }),
        ...(filesystem.write && { write: filesystem.write.map(absolute) }),
        ...(filesystem.deny && { deny: filesystem.deny.map(absolute) }),
      },
    }),
    ...(workspace && { workspace: { ...workspace, path: absolute(workspace.path) } }),
    ...(secrets && { secrets: withAbsoluteSources(secrets, base) }),
    // A bare name is looked up in PATH; with a slash it is a path.
    ...(exec && { exec: exec.map((name) => (name.includes('/') ? absolute(name) : name)) }),
  }
}

/** A file that a secret comes from; a command is looked up where it is started. */
function withAbsoluteSources(secrets: Readonly<Record<string, SecretWords>>, base: string): typeof secrets {
  return Object.fromEntries(
    Object.entries(secrets).map(([name, { from, ...words }]) => {
      const path = from.startsWith('file:') ? from.slice('file:'.length) : ''
      return [name, { from: path === '' ? from : `file:${absolutePath(path, base)}`, ...words }]
    }),
  )
}

export function absolutePath(path: string, base: string): string {
  if (path === '~') return homedir()
  return path.startsWith('~/') ? resolve(homedir(), path.slice(2)) : resolve(base, path)
}
