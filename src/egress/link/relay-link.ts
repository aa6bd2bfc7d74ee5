import { chmodSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { GloveboxError, messageOf } from '../../errors.ts'
import type { FromRelay, RelayLimits, ToRelay } from '../../protocol/egress-link.ts'
import type { Incoming } from '../incoming.ts'
import { createCarried } from './carried.ts'
import { createRelayedFlow, type RelayedFlow } from './flow.ts'
import { parseFromRelay, parseGreeting } from './line.ts'
import { takeLine, takeLines } from './lines.ts'
import { createMeter, type Meter } from './meter.ts'

export interface RelayLinkOptions {
  /** Absolute, 107 bytes at most, in a directory that is ours alone; nothing is there yet. */
  readonly path: string
  readonly limits: RelayLimits
  /** `host`: the relay cannot connect anywhere, and what it says of limits is not believed. */
  readonly dials: 'relay' | 'host'
  /** Of a relay that does not keep to the number of connections. */
  readonly onTooMany: (place: Place) => void
  readonly onIncoming: (incoming: Incoming) => void
  /** Of datagrams: to be handed over, or refused. */
  readonly onDatagrams: (incoming: Incoming) => void
  /** Undefined or empty: no answer. */
  readonly answer: (query: Buffer) => Buffer | undefined
}

/** What a program wants to reach. */
interface Place {
  readonly address: string
  readonly port: number
  /** By datagrams. */
  readonly udp?: true
}

export interface RelayLink {
  /**
   * Nothing is accepted any more. What the relay still had to say when it ended is heard, for so long; then what is open is
   * reset by the relay, which has lost us. Idempotent.
   */
  close(waitMs: number): Promise<void>
}

/** What the relay may leave unread of ours before it is taken for stuck. */
const maxUnread = 8 * 2 ** 20

/** The first line comes in one piece with the connection, or after it at once; a guest may be kept from its processor in between. */
const greetingMs = 30_000

/**
 * Listens for the relay of one sandbox, and speaks with it. What it says is checked: something that is not of the
 * protocol ends the link, and with it all connections.
 * @throws the system's error when the socket cannot be made
 */
export async function listenForRelay(options: RelayLinkOptions): Promise<RelayLink> {
  const { limits, dials } = options
  const meter = dials === 'host' ? createMeter(limits) : undefined
  const flows = new Map<number, RelayedFlow>()
  const room = meter === undefined ? Infinity : limits.connections
  /** Told of, and not let in yet. */
  const waiting: { readonly flow: RelayedFlow; readonly serve: (incoming: Incoming) => void }[] = []
  let open = 0
  const sockets = new Set<Socket>()
  let linkSocket: Socket | undefined
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.setTimeout(greetingMs, () => socket.destroy())
    socket.once('close', () => sockets.delete(socket))
    // Its end is told by 'close'; whoever has the stream later has a listener of its own.
    socket.on('error', () => socket.destroy())
    takeLine(socket, (line) => greet(socket, line))
  })

  // Beside the link there are those that are refused by their first line.
  if (dials === 'host') server.maxConnections = limits.connections + 16

  function greet(socket: Socket, line: string): void {
    socket.setTimeout(0).removeAllListeners('timeout')
    const greeting = parseGreeting(line)
    if (greeting === 'link' && linkSocket === undefined) {
      linkSocket = socket
      serveLink(socket)
      return
    }
    const flow = typeof greeting === 'object' ? flows.get(greeting.carry) : undefined
    const taken = flow?.carry(meter === undefined ? socket : carriedBy(flow, socket, meter))
    if (taken === undefined) socket.destroy()
    else if (taken === 'last' && typeof greeting === 'object') flows.delete(greeting.carry)
  }

  function carriedBy({ incoming }: RelayedFlow, socket: Socket, used: Meter): Duplex {
    return createCarried(socket, {
      meter: used,
      idleMs: limits.idleMs,
      reset: () => incoming.refuse(),
      whenClosed: (act) => void incoming.closed.then(act),
    })
  }

  function serveLink(socket: Socket): void {
    const send = (line: ToRelay): void => {
      if (socket.destroyed) return
      socket.write(`${JSON.stringify(line)}\n`)
      if (socket.writableLength > maxUnread) socket.destroy()
    }
    socket.once('close', () => {
      for (const flow of flows.values()) flow.lost()
      flows.clear()
    })
    // Bytes are counted once.
    send({ welcome: meter === undefined ? limits : { ...limits, bytesPerSecond: null, bytes: null } })
    let last = 0
    takeLines(socket, (text) => {
      const line = parseFromRelay(text)
      if (line === undefined) socket.destroy()
      else if ('opened' in line || 'datagrams' in line) {
        // Numbers go up: one that was used would mix up two connections.
        if (line.id <= last) return void socket.destroy()
        last = line.id
        if ('opened' in line) begin(line.id, line.opened, send, options.onIncoming)
        else begin(line.id, { ...line.datagrams, udp: true }, send, options.onDatagrams)
      } else if ('query' in line) send({ id: line.id, answer: answerTo(line).toString('base64') })
      else if (flows.get(line.id)?.take(line)) flows.delete(line.id)
    })
  }

  function begin(id: number, place: Place, send: (line: ToRelay) => void, serve: (incoming: Incoming) => void): void {
    // One that waits may be over for the relay, and no longer among the flows: it is still kept here.
    const isTooMany = Math.max(flows.size, waiting.length) >= limits.connections
    if (meter !== undefined && (isTooMany || meter.take(0) === 'never')) {
      if (isTooMany) options.onTooMany(place)
      return send({ id, refuse: true })
    }
    const flow = createRelayedFlow(id, place, send)
    flows.set(id, flow)
    waiting.push({ flow, serve })
    letIn()
  }

  /** What the relay has done with can still be under way here: as many are open here too as there may be, and the others wait. */
  function letIn(): void {
    while (open < room) {
      const next = waiting.shift()
      if (next === undefined) return
      open += 1
      void next.flow.over.then(letOut)
      next.serve(next.flow.incoming)
    }
  }

  function letOut(): void {
    open -= 1
    letIn()
  }

  function answerTo({ query }: Extract<FromRelay, { readonly query: string }>): Buffer {
    return options.answer(Buffer.from(query, 'base64')) ?? Buffer.alloc(0)
  }

  await listen(server, options.path)
  return {
    async close(waitMs) {
      server.close()
      await closedWithin(linkSocket, waitMs)
      for (const socket of sockets) socket.destroy()
      meter?.close()
    },
  }
}

async function closedWithin(socket: Socket | undefined, ms: number): Promise<void> {
  if (socket === undefined || socket.destroyed || ms === 0) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

async function listen(server: Server, path: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    // The directory lets nobody else in even before this.
    chmodSync(path, 0o600)
  } catch (error) {
    server.close()
    throw new GloveboxError('NOT_STARTED', `the socket of the sandbox's network cannot be made: ${messageOf(error)}`, {
      fix: 'XDG_RUNTIME_DIR names where it is made: a directory of a short path that this user may write to',
      cause: error,
    })
  }
}
