import { bracketed } from '../../protocol/endpoint.ts'
import { GloveboxError } from '../../errors.ts'
import { synthetic, type Network, type PublishedPort } from '../network.ts'
import { formatIp, parseIp } from './ip.ts'
import { hasPort } from './ports.ts'
import { carries } from './protocol.ts'
import { mistake, type Mistake, type Reading } from './reading.ts'

const example = 'such as "8080:3000": port 8080 of this machine leads to port 3000 of the sandbox'

/** More than any of them has, and little enough for an expression that tries each way to read it. */
const longest = 80

const range = /(?:^|:)\d+-\d+(?:$|[:/])/

/** `3000`, `8080:3000`, `0:3000`, `127.0.0.2:8080:3000`, `[::1]:8080:3000`, `localhost::3000`. */
export function readPublish(text: string): Reading<PublishedPort> {
  if (text.length > longest) return notRead(text)
  // What is a number by itself is a port, so an address has something else in it.
  const [, host, outside = '', inside] =
    /^(?:(\[[^[\]]*\]|[^:[\]]*[^:[\]\d][^:[\]]*):)?(?:(\d{0,9}):)?(\d{1,9})(?:\/tcp)?$/.exec(text) ?? []
  if (inside === undefined || range.test(text)) return notRead(text)
  const address = host === undefined ? { value: '127.0.0.1' } : readLoopback(host)
  if (address.mistake !== undefined) return address
  const [port, hostPort] = [Number(inside), Number(outside)]
  const wrong = [port, hostPort].find((number) => number > 65_535)
  if (wrong !== undefined) return mistake(`has a port that does not exist: ${wrong}`, 'ports are 1 to 65535')
  if (port === 0) return mistake('names no port of the sandbox', 'ports are 1 to 65535; 0 stands for any only outside')
  return { value: { address: address.value, hostPort, port } }
}

export function formatPublished({ address, hostPort, port }: PublishedPort): string {
  return `${bracketed(address)}:${hostPort}:${port}`
}

function notRead(text: string): { readonly mistake: Mistake } {
  if (/\/(udp|sctp)$/i.test(text))
    return mistake('is not TCP, and only TCP is published', 'name a port that is spoken TCP on')
  if (range.test(text)) return mistake('is a range of ports', 'name each port by itself')
  if ((text.match(/:/g) ?? []).length > 2) {
    return mistake('is not a port to publish', 'an address of version 6 stands in brackets: "[::1]:8080:3000"')
  }
  return mistake('is not a port to publish', example)
}

function readLoopback(host: string): Reading<string> {
  const isBracketed = host.startsWith('[')
  const word = isBracketed ? host.slice(1, -1) : host
  if (word === 'localhost' && !isBracketed) return { value: '127.0.0.1' }
  const ip = parseIp(word)
  if (ip === undefined || isBracketed !== (ip.family === 6)) {
    return mistake(
      'names no address to listen on',
      '127.0.0.1 is listened on without one; others are 127.0.0.0/8 and [::1]',
    )
  }
  const isLoopback = ip.family === 4 ? ip.bits >> 24n === 127n : ip.bits === 1n
  if (isLoopback) return { value: formatIp(ip) }
  return mistake(
    'would let other machines reach the sandbox: ports are published on the loopback only',
    'leave the address out, and put a reverse proxy or `ssh -L` in front of it, which decides who may',
  )
}

/**
 * The ports of a policy as they are written.
 * @throws GloveboxError POLICY_INVALID naming the word
 */
export function resolvePublish(
  words: readonly string[],
  network: Network | null,
  tell: { quote: (text: string) => string; place: (index: number) => string },
): PublishedPort[] {
  const ports: PublishedPort[] = []
  for (const [index, text] of words.entries()) {
    const found = readPublish(text)
    const wrong = found.mistake ?? clash(found.value, ports, network)
    if (wrong !== undefined) {
      throw new GloveboxError('POLICY_INVALID', `${tell.place(index)}: ${tell.quote(text)} ${wrong.why}`, {
        fix: wrong.fix,
      })
    }
    if (found.mistake === undefined) ports.push(found.value)
  }
  if (ports.length <= maxPublished) return ports
  throw new GloveboxError('POLICY_INVALID', `network.publish: ${ports.length} ports, and ${maxPublished} is the most`, {
    fix: 'publish the ports that somebody connects to',
  })
}

/** Each is a listener of ours. */
const maxPublished = 64

function clash(port: PublishedPort, others: readonly PublishedPort[], network: Network | null): Mistake | undefined {
  const { address, hostPort } = port
  const isTwice = hostPort !== 0 && others.some((other) => other.hostPort === hostPort && other.address === address)
  if (isTwice) {
    return {
      why: `is the second to publish on port ${hostPort} of ${address}`,
      fix: 'choose another port for it, or 0 for one that is free',
    }
  }
  if (network === null || !isTakenInside(port.port, network)) return undefined
  return {
    why: `names a port on which connections to the outside begin: with this network, nothing inside can listen on ${port.port}`,
    fix: 'let the server listen on another port, and publish that one',
  }
}

/** A sandbox with a network has a listener of its own on each of these, on every address. */
function isTakenInside(port: number, { allow }: Network): boolean {
  return (
    port === 53 ||
    port === synthetic.proxy.port ||
    allow.some((rule) => carries(rule, 'allow', 'tcp') && hasPort(rule.ports, port))
  )
}
