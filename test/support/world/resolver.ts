import { createSocket } from 'node:dgram'
import { isIPv4 } from 'node:net'

/** What a name is answered with. */
export interface Records {
  readonly a?: readonly string[]
  readonly aaaa?: readonly string[]
  readonly cname?: string
  /** Seconds; 60. */
  readonly ttl?: number
}

/** Names with their answers, one after the other for each further question of a kind; the last one stays. */
export type Zone = Readonly<Record<string, Records | readonly Records[]>>

/** A resolver of a test's own. */
export interface TestResolver extends AsyncDisposable {
  readonly port: number
  /** Names that were asked for, in their order. */
  readonly asked: readonly string[]
}

const types = { a: 1, cname: 5, txt: 16, aaaa: 28 } as const

export interface ResolverOptions {
  readonly zone: Zone
  /** 127.0.0.1 */
  readonly address?: string
  /** 0: any that is free. */
  readonly port?: number
  /** To names that the zone does not have: the text of a TXT record. Undefined: NXDOMAIN. */
  readonly otherwise?: (name: string) => string | undefined
}

export async function startResolver(options: ResolverOptions): Promise<TestResolver> {
  const { zone, address = '127.0.0.1', port = 0 } = options
  const asked: string[] = []
  const turns = new Map<string, number>()
  const socket = createSocket(isIPv4(address) ? 'udp4' : 'udp6')
  socket.on('message', (query, peer) => {
    const question = readQuestion(query)
    if (question === undefined) return
    asked.push(question.name)
    socket.send(answerTo(query, question, options.otherwise, take(zone, turns, question)), peer.port, peer.address)
  })
  await new Promise<void>((resolve) => void socket.bind(port, address, resolve))
  return {
    port: socket.address().port,
    asked,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => void socket.close(resolve))
    },
  }
}

interface Question {
  readonly name: string
  readonly type: number
  /** Where the next section begins. */
  readonly end: number
}

function readQuestion(query: Buffer): Question | undefined {
  const labels: string[] = []
  let at = 12
  for (let length = query[at]; length !== undefined && length > 0; length = query[at]) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  if (at + 5 > query.length) return undefined
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 }
}

/** The answer whose turn it is, for questions of this kind. */
function take(zone: Zone, turns: Map<string, number>, { name, type }: Question): Records | undefined {
  const found = zone[name]
  const all = found === undefined ? [] : Array.isArray(found) ? (found as readonly Records[]) : [found as Records]
  const key = `${type} ${name}`
  const turn = turns.get(key) ?? 0
  turns.set(key, turn + 1)
  return all[Math.min(turn, all.length - 1)]
}

function answerTo(
  query: Buffer,
  { name, type, end }: Question,
  otherwise: ResolverOptions['otherwise'],
  records: Records | undefined,
): Buffer {
  const text = records === undefined ? otherwise?.(name) : undefined
  const { ttl = 60, cname, a = [], aaaa = [] } = records ?? {}
  const data =
    text !== undefined
      ? [record(types.txt, ttl, Buffer.from([text.length, ...Buffer.from(text)]))]
      : cname !== undefined
        ? [record(types.cname, ttl, encodeName(cname))]
        : type === types.a
          ? a.map((address) => record(types.a, ttl, Buffer.from(address.split('.').map(Number))))
          : type === types.aaaa
            ? aaaa.map((address) => record(types.aaaa, ttl, encodeSix(address)))
            : []
  const head = Buffer.alloc(12)
  query.copy(head, 0, 0, 2)
  // An answer, with recursion; name error for what is not in the zone (RFC 1035, 4.1.1).
  head.writeUInt16BE(records === undefined && text === undefined ? 0x8183 : 0x8180, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(data.length, 6)
  return Buffer.concat([head, query.subarray(12, end), ...data])
}

function record(type: number, ttl: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12)
  // The name of the question, which stands at 12 (4.1.4).
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(ttl, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

export function encodeName(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.')
  return Buffer.concat([
    ...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label, 'latin1')])),
    Buffer.of(0),
  ])
}

function encodeSix(address: string): Buffer {
  const mapped = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const hex = (high = '0', low = '0'): string => ((Number(high) << 8) | Number(low)).toString(16)
  const text = mapped ? `${mapped[1]}${hex(mapped[2], mapped[3])}:${hex(mapped[4], mapped[5])}` : address
  const [before = [], after = []] = text.split('::').map((half) => half.split(':').filter(Boolean))
  const groups = text.includes('::')
    ? [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after]
    : before
  return Buffer.concat(groups.map((group) => Buffer.from(group.padStart(4, '0'), 'hex')))
}
