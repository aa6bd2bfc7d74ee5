import { isIP } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { decide, toEgress, whyNotConnect } from '../../src/policy/network/decide.ts'
import { maxPorts } from '../../src/policy/network/ports.ts'
import { readPrivateRange, readResolver } from '../../src/policy/network/resolver.ts'
import { formatPublished, readPublish } from '../../src/policy/network/publish.ts'
import { formatRule } from '../../src/policy/network/rule.ts'
import { noNetwork, readRules, resolveNetwork } from '../../src/policy/network/words.ts'
import type { Random } from '../guard/random.ts'

const bits: readonly string[] = [
  'api.github.com',
  'example.org',
  '*.',
  '*',
  '.',
  '..',
  ':',
  ':443',
  ':123/udp',
  '/udp',
  '/tcp',
  'udp://',
  '8080:3000',
  '127.0.0.1',
  'localhost',
  ':80,443',
  ':8000-8010',
  '-',
  ',',
  '/',
  '/8',
  '/32',
  '10.0.0.5',
  '0177.1',
  '0x7f.1',
  '2130706433',
  '1.2.3.4.5',
  '[',
  ']',
  '::',
  '::1',
  'fd00::',
  '::ffff:10.0.0.1',
  '%eth0',
  'bücher',
  'ａ',
  '。',
  '\u{ad}',
  '\u{202e}',
  '\u{200d}',
  '٣',
  'xn--',
  '_',
  '@',
  'https://',
  'preset:',
  'npm',
  ' ',
  '\0',
]

/** A word of a network policy, mostly wrong. */
export function randomRule(random: Random): string {
  return Array.from({ length: 1 + random.below(6) }, () => random.pick(bits)).join('')
}

/** How a word was taken. @throws what no word may lead to, with why */
export function checkRule(text: string): 'read' | 'refused' {
  checkOthers(text)
  const read = readRules(text, 'allow')
  if (read.mistake !== undefined) {
    const told = `${read.mistake.why}${read.mistake.fix}`
    if (read.mistake.why === '' || read.mistake.fix === '') throw new Error('nothing is said of a mistake')
    if (/[^\u{20}-\u{7e}]/u.test(told)) throw new Error(`a message has something of the text: ${told}`)
    return 'refused'
  }
  for (const rule of read.value) {
    const again = readRules(formatRule(rule), 'allow')
    const same = again.mistake === undefined && again.value.length === 1 && again.value[0]
    if (same === false || !isDeepStrictEqual({ ...same, text: '' }, { ...rule, text: '' }))
      throw new Error(`${formatRule(rule)} means something else`)
    if (rule.host.kind !== 'range' && !/^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(rule.host.name))
      throw new Error(`${rule.host.name} is no name`)
    if (rule.host.kind === 'name' && isIP(rule.host.name) !== 0) throw new Error('an address is taken for a name')
  }
  checkMeaning(text)
  return 'read'
}

function checkOthers(text: string): void {
  checkPublish(text)
  for (const read of [readPrivateRange, readResolver]) {
    const found = read(text)
    if (found.mistake === undefined && isIP(found.value.address) === 0) throw new Error('what is read is no address')
  }
}

/** What is published is reached on the loopback, and written again it is the same. */
function checkPublish(text: string): void {
  const read = readPublish(text)
  if (read.mistake !== undefined) {
    const { mistake } = read
    if (/[^\u{20}-\u{7e}]/u.test(`${mistake.why}${mistake.fix}`)) throw new Error('a message has something of the text')
    return
  }
  const { value } = read
  if (!/^(127(\.\d{1,3}){3}|::1)$/.test(value.address)) throw new Error(`published on ${value.address}`)
  if (value.port < 1 || value.port > 65_535 || value.hostPort > 65_535) throw new Error('published on no port')
  if (!isDeepStrictEqual(readPublish(formatPublished(value)), { value })) throw new Error('it means something else')
}

/** One rule opens nothing special that it does not name, and what it opens the jail can listen for. */
function checkMeaning(text: string): void {
  const network = resolveNetwork({ ...noNetwork, allow: [text] })
  if (network === null) throw new Error('a rule opens no network')
  const { tcpPorts, udpPorts, addresses } = toEgress(network)
  const ports = tcpPorts.length + udpPorts.length
  if (ports === 0 || ports > maxPorts) throw new Error(`${ports} ports`)
  if (udpPorts.length > 0 && !/\/udp$/i.test(text)) throw new Error('datagrams are opened that nobody wrote down')
  const port = tcpPorts[0] ?? udpPorts[0] ?? 0
  if (addresses.length > 0) return
  for (const address of special) {
    for (const by of ['tcp', 'udp'] as const) {
      const target = { address, port, ...(by === 'udp' && { udp: true as const }) }
      if (decide(network, target).allowed) throw new Error(`a rule of names opens ${address}`)
      if (whyNotConnect(network, address, port, by) === undefined) throw new Error(`a name may lead to ${address}`)
    }
  }
}

const special: readonly string[] = [
  '127.0.0.1',
  '10.0.0.5',
  '169.254.169.254',
  '::1',
  '::ffff:10.0.0.1',
  '64:ff9b::a00:5',
  'fd00:ec2::254',
]
