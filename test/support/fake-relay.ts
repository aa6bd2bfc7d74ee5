import { connect, type Socket } from 'node:net'
import { duplexPair, type Duplex } from 'node:stream'
import type { FromRelay, ToRelay } from '../../src/protocol/egress-link.ts'

/** What stands at the other end of the link in tests: it does as the relay does, for programs that are streams of the test. */
export interface FakeRelay {
  /** A program's connection to this place. */
  open(address: string, port: number): Program
  /** A datagram to the resolver. */
  query(bytes: Buffer): Promise<Buffer>
  /** Says something, whatever it is. */
  say(line: string): void
  /** Lines of the host's, in their order. */
  readonly heard: readonly ToRelay[]
  /** Settles when the host has ended the link. */
  readonly ended: Promise<void>
  close(): void
}

export interface Program {
  readonly id: number
  readonly stream: Duplex
  /** Settles with `reset` when the connection was refused or lost, with `end` when it ended by itself. */
  readonly over: Promise<'reset' | 'end'>
}

/** As the protocol has it. */
const maxFirstBytes = 16 * 1024

export async function fakeRelay(path: string): Promise<FakeRelay> {
  const link = connect(path)
  await new Promise<void>((resolve, reject) => link.once('connect', resolve).once('error', reject))
  link.write('{"link":1}\n')
  const heard: ToRelay[] = []
  const flows = new Map<number, (line: ToRelay) => void>()
  const ended = new Promise<void>((resolve) => link.once('close', () => resolve()))
  const tell = (line: FromRelay): void => void link.write(`${JSON.stringify(line)}\n`)
  let rest = ''
  link.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines.map((each) => JSON.parse(each) as ToRelay)) {
      heard.push(line)
      if ('id' in line) flows.get(line.id)?.(line)
    }
  })
  link.on('error', () => link.destroy())
  let last = 0
  const open = (address: string, port: number): Program => {
    const id = ++last
    const [stream, end] = duplexPair()
    const over = relayOne({ id, end, path, tell, listen: (take) => flows.set(id, take), ended })
    tell({ id, opened: { address, port } })
    return { id, stream, over }
  }
  return {
    open,
    async query(bytes) {
      const id = ++last
      return new Promise((resolve) => {
        flows.set(id, (line) => 'answer' in line && resolve(Buffer.from(line.answer, 'base64')))
        tell({ id, query: bytes.toString('base64') })
      })
    },
    say: (line) => void link.write(`${line}\n`),
    heard,
    ended,
    close: () => link.destroy(),
  }
}

/** One connection, from `opened` to `closed`. `end`: our end of the program's stream. */
async function relayOne(flow: {
  id: number
  end: Duplex
  path: string
  tell: (line: FromRelay) => void
  listen: (take: (line: ToRelay) => void) => void
  ended: Promise<void>
}): Promise<'reset' | 'end'> {
  const { id, end, tell } = flow
  let outside: Socket | undefined
  const over = Promise.withResolvers<'reset' | 'end'>()
  const finish = (how: 'reset' | 'end', reason: 'end' | 'refused' | 'reset' | 'failed' | 'handed'): void => {
    tell({ id, closed: { sent: outside?.bytesWritten ?? 0, received: outside?.bytesRead ?? 0, reason } })
    if (how === 'reset') end.destroy()
    outside?.destroy()
    over.resolve(how)
  }
  end.on('error', () => end.destroy())
  const carry = (socket: Socket, reason: 'end' | 'handed'): void => {
    let halves = 0
    const half = (): void => {
      halves += 1
      if (halves === 2) finish('end', reason)
    }
    end.pipe(socket)
    socket.pipe(end)
    if (end.readableEnded) half()
    else end.once('end', half)
    socket.once('end', half)
    socket.once('close', () => halves < 2 && finish('reset', 'reset'))
  }
  void flow.ended.then(() => finish('reset', 'reset'))
  const stopLooking = lookAt(end, (first, isEnd) =>
    tell({ id, first: { bytes: first.toString('base64', 0, maxFirstBytes), end: isEnd } }),
  )
  flow.listen((line) => {
    if ('refuse' in line) return finish('reset', 'refused')
    if ('hand' in line) {
      const first = stopLooking()
      outside
        ?.removeAllListeners()
        .on('error', () => undefined)
        .destroy()
      const socket = connect({ path: flow.path, allowHalfOpen: true })
      socket.on('error', () => socket.destroy())
      socket.write(`{"carry":${id}}\n`)
      socket.write(first)
      outside = socket
      return carry(socket, 'handed')
    }
    if ('pass' in line) {
      const first = stopLooking()
      if (outside === undefined) return undefined
      outside.write(first)
      return carry(outside, 'end')
    }
    if (!('connect' in line)) return undefined
    const { addresses, port, look } = line.connect
    const socket = connect({ host: addresses[0] ?? '', port, allowHalfOpen: true })
    outside = socket
    const first = look ? undefined : stopLooking()
    socket.once('connect', () => {
      tell({ id, connected: { address: addresses[0] ?? '' } })
      if (first === undefined) return
      socket.write(first)
      carry(socket, 'end')
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      tell({ id, failed: { errno: -(error.errno ?? -5) } })
      finish('reset', 'failed')
    })
    return undefined
  })
  return over.promise
}

/** Tells all that was sent, again with each piece. Returns what stops it, and gives the bytes. */
function lookAt(end: Duplex, onFirst: (first: Buffer, end: boolean) => void): () => Buffer {
  let first = Buffer.alloc(0)
  const onReadable = (): void => {
    const chunk = end.read() as Buffer | null
    if (chunk === null) return
    first = Buffer.concat([first, chunk])
    onFirst(first, false)
  }
  const onEnd = (): void => onFirst(first, true)
  end.on('readable', onReadable).on('end', onEnd)
  return () => {
    end.off('readable', onReadable).off('end', onEnd)
    return first
  }
}
