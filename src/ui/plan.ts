import { stripVTControlCharacters } from 'node:util'
import { bracketed } from '../protocol/endpoint.ts'
import type { Origin, Origins } from '../config/layers/origin.ts'
import type { Plan, PlanMount } from '../policy/plan.ts'
import type { Policy } from '../policy/policy.ts'
import { describeSecret } from '../policy/secrets.ts'
import { formatBytes } from '../policy/sizes.ts'
import { networkRows } from './network.ts'
import { styleFor, type Style } from './style.ts'
import { table } from './table.ts'
import { untrusted } from './untrusted.ts'

interface Told {
  readonly policy: Policy
  readonly origins: Origins
  /** Keys that are written, and mean nothing for this start. */
  readonly unused: readonly string[]
}

/**
 * A plan for people, or as one JSON document, with where each value comes from.
 * Values of the environment are not shown: they may be keys.
 */
export function renderPlan(
  plan: Plan,
  options: Told & { json: boolean; verb: string; stream: { readonly isTTY?: boolean; readonly columns?: number } },
): string {
  const { policy, origins, unused } = options
  if (options.json) {
    const env = Object.keys(plan.command.env)
    const schema = `glovebox/${options.verb}-plan/1`
    const from = Object.fromEntries([...origins].map(([key, { kind, where }]) => [key, { kind, where }]))
    return `${JSON.stringify({ ...plan, schema, command: { ...plan.command, env }, origins: from, unused }, null, 2)}\n`
  }
  const style = styleFor(options.stream, process.env)
  const told = { policy, origins, style }
  const { system, rows } = mountRows(plan, told)
  const blocks = [
    commandRows(plan, told),
    networkBlock(plan, told),
    publishBlock(plan, told),
    secretsBlock(plan, told),
    [[style.bold('files')], ['system', system]],
    rows,
    [[style.bold('limits')], ...limitRows(plan, told)],
    unused.map((key) => [key, 'unused', style.dim('means nothing for this start')]),
  ]
  return blocks.map((rows) => block(rows, style)).join('')
}

/** Rows that are aligned among themselves: one long list must not push every other origin out of sight. */
function block(rows: readonly (readonly string[])[], style: Style): string {
  return rows.length === 0
    ? ''
    : `${table(
        rows.map(([label = '', ...cells]) => [pad(label), ...cells]),
        style.columns,
      )}\n`
}

function pad(label: string): string {
  return label + ' '.repeat(Math.max(0, 11 - stripVTControlCharacters(label).length))
}

interface Context {
  readonly policy: Policy
  readonly origins: Origins
  readonly style: Style
}

function commandRows({ command, driver, network, tools, exec }: Plan, { style, origins }: Context): string[][] {
  const row = (label: string, value: string, key: string): string[] => {
    const where = originsOf(origins, key)
    return [label, where === '' ? value : `${value}  ${style.dim(where)}`]
  }
  const profile = origins.get('profile')
  return [
    [style.bold('command'), command.argv.map(untrusted).join(' ')],
    ['program', untrusted(command.path)],
    ['directory', untrusted(command.cwd)],
    row('environment', Object.keys(command.env).join(' '), 'env'),
    row('driver', driver, 'driver'),
    ...(profile === undefined ? [] : [['profile', untrusted(profile.where)]]),
    ...(network === null ? [row('network', 'none', 'network')] : []),
    row('programs', exec === null ? 'any on a read-only mount' : exec.map(untrusted).join(' '), 'exec'),
    row('tools', [...tools.allow, ...tools.deny.map((name) => `not ${name}`)].map(untrusted).join(', '), 'tools'),
  ]
}

function networkBlock({ network }: Plan, { policy, origins, style }: Context): string[][] {
  if (network === null) return []
  const rows = networkRows(network, policy.network, origins)
  return [[style.bold('network')], ...rows.map(({ label, value, origin }) => [label, value, style.dim(origin)])]
}

function publishBlock({ publish }: Plan, { origins, style }: Context): string[][] {
  if (publish.length === 0) return []
  const rows = publish.map((published, index) => {
    const { address, hostPort, port } = published
    const host = `${bracketed(address)}:${hostPort === 0 ? '(a free port)' : hostPort}`
    return ['publish', `${host} → ${port}`, style.dim(originAt(origins, `network.publish[${index}]`))]
  })
  return [[style.bold('ports')], ...rows]
}

/** What they are called, where they come from and go to. Nobody who makes a plan has read one. */
function secretsBlock({ secrets }: Plan, { origins, style }: Context): string[][] {
  if (secrets.length === 0) return []
  const rows = secrets.map((secret) => {
    const { name, exposed } = secret
    const text = untrusted(describeSecret(secret))
    return [untrusted(name), exposed ? style.warn(text) : text, style.dim(originAt(origins, `secrets.${name}`))]
  })
  return [[style.bold('secrets')], ...rows]
}

/** The places in which a key and what is in it are written, each once. */
function originsOf(origins: Origins, key: string): string {
  const found = [...origins].filter(
    ([name]) => name === key || name.startsWith(`${key}.`) || name.startsWith(`${key}[`),
  )
  return [...new Set(found.map(([, { where }]) => untrusted(where)))].join(', ')
}

function mountRows({ mounts, deny }: Plan, context: Context): { system: string; rows: string[][] } {
  const { style, policy, origins } = context
  const system = mounts.filter((mount) => mount.why === 'system').map((mount) => mount.target)
  const rows = mounts
    .filter((mount) => mount.why !== 'system')
    .map((mount) => [mount.access, untrusted(mount.target), style.dim(mountOrigin(mount, policy, origins))])
  const denied = deny.map((path) => {
    const index = policy.filesystem.deny.indexOf(path)
    return ['deny', untrusted(path), style.dim(originAt(origins, `filesystem.deny[${index}]`))]
  })
  return { system: system.join(' '), rows: [...rows, ...denied] }
}

function mountOrigin({ why, target, source }: PlanMount, { filesystem }: Policy, origins: Origins): string {
  if (why === 'workspace') return `workspace, ${originAt(origins, 'workspace')}`
  const list = why === 'filesystem.read' ? filesystem.read : why === 'filesystem.write' ? filesystem.write : []
  const index = list.findIndex((path) => path === target || path === source)
  const where = originAt(origins, `${why}[${index}]`)
  return where === '' ? why : `${why}, ${where}`
}

function originAt(origins: Origins, key: string): string {
  const origin: Origin | undefined = origins.get(key)
  return origin === undefined ? '' : untrusted(origin.where)
}

function limitRows({ limits }: Plan, { style, origins, policy }: Context): string[][] {
  const from = (key: string): string => style.dim(originAt(origins, `limits.${key}`) || 'default')
  const { timeMs, memoryBytes, cpus } = policy.limits
  // Written, and not as a limit: the size that a configuration has machines be.
  const ofMachine = (key: string): string =>
    style.dim(originAt(origins, `microvm.${key}`) || 'microvm of your configuration')
  return [
    [
      'memory',
      formatBytes(limits.memory.value),
      limits.memory.explicit && memoryBytes === undefined ? ofMachine('memory') : from('memory'),
    ],
    ['cpus', String(limits.cpus.value), limits.cpus.explicit && cpus === undefined ? ofMachine('cpus') : from('cpus')],
    ['pids', String(limits.pids.value), from('pids')],
    ['disk', formatBytes(limits.disk.value), from('disk')],
    ['open files', String(limits.openFiles.value), from('openFiles')],
    ['time', timeMs === undefined ? 'none' : `${timeMs} ms`, from('time')],
  ]
}
