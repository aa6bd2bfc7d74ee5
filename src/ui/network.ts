import type { Origins } from '../config/layers/origin.ts'
import type { Network, NetworkLimits, NetworkRule } from '../policy/network.ts'
import { formatRange } from '../policy/network/ip.ts'
import { isPreset } from '../policy/network/presets.ts'
import { formatResolver } from '../policy/network/resolver.ts'
import { formatRule } from '../policy/network/rule.ts'
import type { NetworkList, NetworkWords } from '../policy/network/words.ts'
import { formatBytes } from '../policy/sizes.ts'
import { untrusted } from './untrusted.ts'

/** One line about a network: what it is, the thing itself, and where it comes from. */
export interface NetworkRow {
  readonly label: string
  readonly value: string
  readonly origin: string
}

/** A network as it is resolved: every rule of a preset, with the preset and the place that names it. */
export function networkRows(network: Network, words: NetworkWords, origins: Origins): NetworkRow[] {
  const originOf = (list: NetworkList, index: number): string =>
    untrusted(origins.get(`network.${list}[${index}]`)?.where ?? 'default')
  const rules = (list: 'allow' | 'deny'): NetworkRow[] =>
    network[list].map((rule) => {
      const where = originOf(list, words[list].indexOf(rule.text))
      return { label: list, value: shown(rule), origin: isPreset(rule.text) ? `${rule.text}, ${where}` : where }
    })
  return [
    ...rules('allow'),
    ...rules('deny'),
    ...network.private.map((range, index) => ({
      label: 'private',
      value: formatRange(range),
      origin: originOf('private', index),
    })),
    ...network.resolvers.map((resolver, index) => ({
      label: 'resolver',
      value: formatResolver(resolver),
      origin: originOf('resolvers', index),
    })),
    ...(network.ask === true
      ? [{ label: 'ask', value: 'yes', origin: untrusted(origins.get('network.ask')?.where ?? 'default') }]
      : []),
    ...limitRows(network.limits, origins),
  ]
}

/** A name that was written in another script is told as that too. */
function shown(rule: NetworkRule): string {
  const canonical = formatRule(rule)
  return /^[\u{0}-\u{7f}]*$/u.test(rule.text) ? canonical : `${canonical} (${untrusted(rule.text)})`
}

function limitRows({ connections, bytesPerSecond, bytes, idleMs }: NetworkLimits, origins: Origins): NetworkRow[] {
  const row = (key: string, value: string): NetworkRow => ({
    label: key,
    value,
    origin: untrusted(origins.get(`network.limits.${key}`)?.where ?? 'default'),
  })
  return [
    row('connections', String(connections)),
    ...(bytesPerSecond === null ? [] : [row('bandwidth', `${formatBytes(bytesPerSecond)} a second`)]),
    ...(bytes === null ? [] : [row('bytes', formatBytes(bytes))]),
    row('idle', `${idleMs} ms`),
  ]
}
