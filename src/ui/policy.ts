import { byDefault, type Origins } from '../config/layers/origin.ts'
import { isPreset } from '../policy/network/presets.ts'
import { formatRule } from '../policy/network/rule.ts'
import { readRules, resolveNetwork, type NetworkWords } from '../policy/network/words.ts'
import { defaultLimits, type Policy } from '../policy/policy.ts'
import { describeSecret } from '../policy/secrets.ts'
import { formatBytes } from '../policy/sizes.ts'
import type { Checked } from '../config/check.ts'
import type { Hindrance } from '../runtime/hindrances.ts'
import { styleFor, type Style } from './style.ts'
import { table } from './table.ts'
import { untrusted } from './untrusted.ts'

/** One value of a policy, and where it comes from. */
export interface PolicyRow {
  readonly key: string
  readonly value: string
  readonly origin: string
}

/** A policy as rows; a list is one row an item. Values of variables are not shown. */
export function policyRows(policy: Policy, origins: Origins): PolicyRow[] {
  const { driver, workspace, filesystem, network, exec, secrets, env, tools, mode, allowDegraded } = policy
  const row = (key: string, value: string, at: string = key): PolicyRow => ({
    key,
    value,
    origin: (origins.get(at) ?? byDefault).where,
  })
  const each = (key: string, items: readonly string[]): PolicyRow[] =>
    items.map((item, index) => row(key, item, `${key}[${index}]`))
  return [
    row('driver', driver),
    ...(workspace === null ? [] : [row('workspace', `${workspace.path} (${workspace.mode})`)]),
    ...each('filesystem.read', filesystem.read),
    ...each('filesystem.write', filesystem.write),
    ...each('filesystem.deny', filesystem.deny),
    ...(network.allow.length === 0
      ? [row('network.allow', 'none')]
      : each('network.allow', network.allow.map(spelledOut))),
    ...each('network.deny', network.deny.map(spelledOut)),
    ...each('network.private', network.private),
    ...each('network.resolvers', network.resolvers),
    ...each('network.publish', network.publish),
    ...networkLimitRows(network, row),
    row('exec', exec === null ? 'any on a read-only mount' : exec.join(' ')),
    ...secrets.map((secret) => row(`secrets.${secret.name}`, describeSecret(secret))),
    ...Object.keys(env).map((name) => row(`env.${name}`, 'set')),
    ...limitRows(policy, row),
    row('tools.allow', tools.allow.join(' ')),
    ...each('tools.deny', tools.deny),
    row('mode', mode),
    ...each('allowDegraded', allowDegraded),
  ]
}

/** A preset with the names that it is. */
function spelledOut(word: string): string {
  if (!isPreset(word)) return word
  const rules = readRules(word, 'allow')
  return rules.mistake === undefined ? `${word} (${rules.value.map(formatRule).join(' ')})` : word
}

function networkLimitRows(words: NetworkWords, row: (key: string, value: string) => PolicyRow): PolicyRow[] {
  const limits = resolveNetwork(words)?.limits
  if (limits === undefined) return []
  const { connections, bytesPerSecond, bytes, idleMs } = limits
  return [
    row('network.limits.connections', String(connections)),
    row('network.limits.bandwidth', bytesPerSecond === null ? 'none' : `${formatBytes(bytesPerSecond)} a second`),
    row('network.limits.bytes', bytes === null ? 'none' : formatBytes(bytes)),
    row('network.limits.idle', `${idleMs} ms`),
  ]
}

function limitRows({ limits, defaults = {} }: Policy, row: (key: string, value: string) => PolicyRow): PolicyRow[] {
  const { memoryBytes, cpus, pids, diskBytes, openFiles, messageBytes } = { ...defaultLimits, ...defaults, ...limits }
  return [
    row('limits.memory', formatBytes(memoryBytes)),
    row('limits.cpus', String(cpus)),
    row('limits.pids', String(pids)),
    row('limits.disk', formatBytes(Math.min(diskBytes, limits.diskBytes ?? memoryBytes))),
    row('limits.openFiles', String(openFiles)),
    row('limits.time', limits.timeMs === undefined ? 'none' : `${limits.timeMs} ms`),
    row('limits.message', formatBytes(messageBytes)),
  ]
}

interface Options {
  readonly json: boolean
  readonly stream: { readonly isTTY?: boolean }
}

/** What a check has found, each with the next thing to do. */
export function renderChecked(
  { files, findings }: Checked,
  hindrances: readonly Hindrance[],
  { json, stream }: Options,
): string {
  if (json) {
    return `${JSON.stringify({ schema: 'glovebox/policy-check/1', files, findings, wouldNotStart: hindrances }, null, 2)}\n`
  }
  const style = styleFor(stream, process.env)
  if (files.length === 0) return 'there is no configuration here and no profile\n'
  if (findings.length === 0) {
    const fine = files.map((file) => `${style.good('fine')}  ${file}\n`).join('')
    return `${fine}${renderHindrances(hindrances, style)}`
  }
  const lines = findings.map(({ message, fix }) => `${untrusted(message)}\n  ${style.dim('fix:')} ${untrusted(fix)}`)
  return `${lines.join('\n')}\n`
}

/** Servers that a policy is fine of, and that would not start here as they are. Nothing where there is none. */
export function renderHindrances(hindrances: readonly Hindrance[], style: Style): string {
  if (hindrances.length === 0) return ''
  const lines = hindrances.flatMap(({ server, message, fix }) => [
    `  ${style.bold(untrusted(server))}  ${untrusted(message)}`,
    ...(fix === '' ? [] : [`    ${style.dim('fix:')} ${untrusted(fix)}`]),
  ])
  return `\n${style.warn('would not start here')}\n${lines.join('\n')}\n`
}

/** A key in which two policies differ, with its values on either side. */
export interface Difference {
  readonly key: string
  readonly a: readonly string[]
  readonly b: readonly string[]
}

interface Side {
  readonly policy: Policy
  readonly origins: Origins
}

export function policyDifferences(a: Side, b: Side): Difference[] {
  const [left, right] = [valuesByKey(a), valuesByKey(b)]
  const keys = [...new Set([...left.keys(), ...right.keys()])]
  return [
    ...keys
      .map((key) => ({ key, a: left.get(key) ?? [], b: right.get(key) ?? [] }))
      .filter((found) => found.a.join('\0') !== found.b.join('\0')),
    ...otherValues(a.policy.env, b.policy.env),
  ]
}

/** Variables that both have, with values that differ and are not told. */
function otherValues(a: Policy['env'], b: Policy['env']): Difference[] {
  return Object.keys(a)
    .filter((name) => Object.hasOwn(b, name) && a[name] !== b[name])
    .map((name) => ({ key: `env.${name}`, a: ['set'], b: ['set to another value'] }))
}

function valuesByKey({ policy, origins }: Side): Map<string, string[]> {
  const values = new Map<string, string[]>()
  for (const { key, value } of policyRows(policy, origins))
    values.set(key, [...(values.get(key) ?? []), value].toSorted())
  return values
}

export function renderDifferences(
  differences: readonly Difference[],
  { a, b, json, stream }: Options & { readonly a: string; readonly b: string },
): string {
  if (json) return `${JSON.stringify({ schema: 'glovebox/policy-diff/1', a, b, differences }, null, 2)}\n`
  if (differences.length === 0) return 'the policies are equal\n'
  const style = styleFor(stream, process.env)
  const cell = (values: readonly string[]): string => (values.length === 0 ? '-' : untrusted(values.join(', ')))
  const rows = differences.map((found) => [found.key, cell(found.a), cell(found.b)])
  return `${table([['key', a, b].map((head) => style.bold(untrusted(head))), ...rows])}\n`
}
