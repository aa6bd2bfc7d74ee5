import { Agent, type ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Target } from '../rules.ts'
import { hostOf } from './authority.ts'

/** Connections to the outside of one connection of a program's. */
export interface Agents {
  /** Used again for the next request to the same target. */
  readonly kept: Agent
  /** For one request: one with a body cannot be sent a second time, and a connection that has waited may be closed by now. */
  readonly fresh: Agent
  destroy(): void
}

/**
 * @param dial makes a new connection, checked and recorded
 * @param keptMs how long one waits for a next request
 */
export function createAgents(dial: (target: Target) => Promise<Duplex>, keptMs = 30_000): Agents {
  let isOver = false
  // Node would keep one that is there too late for the next request, which never comes.
  const dialUntilOver = async (target: Target): Promise<Duplex> => {
    const stream = await dial(target)
    if (isOver) stream.destroy()
    return stream
  }
  const [kept, fresh] = [true, false].map((keepAlive) => createAgent(dialUntilOver, keepAlive, keptMs)) as [
    Agent,
    Agent,
  ]
  return {
    kept,
    fresh,
    destroy() {
      isOver = true
      kept.destroy()
      fresh.destroy()
    },
  }
}

function createAgent(dial: (target: Target) => Promise<Duplex>, keepAlive: boolean, keptMs: number): Agent {
  // With a bound Node would use those again for requests that waited, whatever `keepAlive` says.
  const bound = keepAlive ? { maxSockets: 8, maxFreeSockets: 4 } : {}
  const agent = new Agent({ keepAlive, ...bound, timeout: keptMs })
  const idleMs = new WeakMap<Duplex, number | undefined>()
  const connectFor = async (target: Target, done: (error: Error | null, stream?: Duplex) => void): Promise<void> => {
    try {
      makeRoom(agent)
      const stream = await dial(target)
      idleMs.set(stream, (stream as Partial<Socket>).timeout)
      done(null, stream)
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    }
  }
  agent.createConnection = (options, done) => {
    const { target } = options as { readonly target?: Target }
    if (target === undefined) throw new Error('a request without a target')
    void connectFor(target, (error, stream) => done?.(error, stream as Duplex))
    return undefined
  }
  // What Node sets while one waits for a request it leaves there, and a server that thinks for longer would be cut off.
  agent.reuseSocket = (socket: Duplex, request: ClientRequest) => {
    Agent.prototype.reuseSocket.call(agent, socket, request)
    ;(socket as Socket).setTimeout(idleMs.get(socket) ?? 0)
  }
  // One connection for one target, whatever else Node would take for the same.
  agent.getName = (options) => {
    const { target } = (options ?? {}) as { readonly target?: Target }
    return target === undefined ? '' : `${hostOf(target)} ${target.port}`
  }
  return agent
}

/** As many may wait for a next request, whatever they lead to; Node's own bound has the next target wait until one of them is given up. */
const mostFree = 12

function makeRoom({ freeSockets }: Agent): void {
  const free = Object.values(freeSockets).flatMap((sockets) => sockets ?? [])
  for (const socket of free.slice(0, Math.max(0, free.length - mostFree + 1))) socket.destroy()
}
