import { GloveboxError } from '../../errors.ts'
import type { Network, NetworkLimits, NetworkRule, Protocol, PublishedPort, Side } from '../network.ts'
import { countPorts, maxPorts } from './ports.ts'
import { isPreset, readPreset } from './presets.ts'
import { resolvePublish } from './publish.ts'
import { carries } from './protocol.ts'
import type { Mistake, Reading } from './reading.ts'
import { readPrivateRange, readResolver } from './resolver.ts'
import { readRule } from './rule.ts'

/** The network of a policy as it is written, layers merged; nothing is read yet. */
export interface NetworkWords {
  readonly allow: readonly string[]
  readonly deny: readonly string[]
  readonly private: readonly string[]
  readonly resolvers: readonly string[]
  /** `[ADDRESS:][HOSTPORT:]PORT`: what this machine reaches inside; no part of the network that the sandbox has. */
  readonly publish: readonly string[]
  /** What is not there is the default. */
  readonly limits: Partial<NetworkLimits>
  /** Whether a person is asked about names that no rule has; absent: nobody is. */
  readonly ask?: boolean
}

export const noNetwork: NetworkWords = { allow: [], deny: [], private: [], resolvers: [], publish: [], limits: {} }

export const defaultNetworkLimits: NetworkLimits = {
  connections: 1024,
  bytesPerSecond: null,
  bytes: null,
  idleMs: 15 * 60_000,
}

/** The lists of words, by their key. */
export type NetworkList = 'allow' | 'deny' | 'private' | 'resolvers' | 'publish'

/** How a message shows a word of the user's, and says where it is written. */
interface Tell {
  readonly quote: (text: string) => string
  readonly place: (list: NetworkList, index: number) => string
}

/**
 * What the words mean; `null` when nothing is allowed and nobody is asked, whatever else they say.
 * `quote` shows a word of the user's in a message, `place` says where it is written.
 * @throws GloveboxError POLICY_INVALID naming the word
 */
export function resolveNetwork(words: NetworkWords, tell: Tell = plainly): Network | null {
  const network = readNetwork(words, tell)
  return network.allow.length === 0 && network.ask === undefined ? null : network
}

/**
 * The same, with its rules also where nothing is allowed.
 * @throws GloveboxError POLICY_INVALID naming the word
 */
export function readNetwork(words: NetworkWords, tell: Tell = plainly): Network {
  const each = <T>(list: NetworkList, read: (text: string) => Reading<T>): T[] =>
    words[list].map((text, index) => {
      const found = read(text)
      if (found.mistake === undefined) return found.value
      throw mistaken(found.mistake, `${tell.place(list, index)}: ${tell.quote(text)}`)
    })
  const allow = each('allow', (text) => readRules(text, 'allow')).flat()
  const network = {
    allow,
    deny: each('deny', (text) => readRules(text, 'deny')).flat(),
    private: each('private', readPrivateRange),
    resolvers: each('resolvers', readResolver),
    limits: { ...defaultNetworkLimits, ...words.limits },
    ...(words.ask === true && { ask: true as const }),
  }
  const portsBy = (by: Protocol): number =>
    countPorts(allow.filter((rule) => carries(rule, 'allow', by)).flatMap((rule) => rule.ports))
  const ports = Math.max(portsBy('tcp'), portsBy('udp'))
  if (ports > maxPorts) {
    throw new GloveboxError('POLICY_INVALID', `network.allow: ${ports} ports together, and ${maxPorts} is the most`, {
      fix: 'name the ports that are needed',
    })
  }
  return network
}

/**
 * The ports that the words publish.
 * @throws GloveboxError POLICY_INVALID naming the word
 */
export function publishedPorts(words: NetworkWords, network: Network | null, tell: Tell = plainly): PublishedPort[] {
  return resolvePublish(words.publish, network, { ...tell, place: (index) => tell.place('publish', index) })
}

/** The rules that a word of `allow` or `deny` stands for: one, or those of a preset. */
export function readRules(text: string, side: Side): Reading<readonly NetworkRule[]> {
  if (isPreset(text)) return readPreset(text, side)
  const rule = readRule(text, side)
  return rule.mistake === undefined ? { value: [rule.value] } : rule
}

const plainly = {
  quote: (text: string): string => JSON.stringify(text),
  place: (list: NetworkList): string => `network.${list}`,
}

function mistaken({ why, fix }: Mistake, what: string): GloveboxError {
  return new GloveboxError('POLICY_INVALID', `${what} ${why}`, { fix })
}
