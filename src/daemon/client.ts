import { request as httpRequest, type IncomingMessage } from 'node:http'
import { GloveboxError, type ErrorCode } from '../errors.ts'
import type { Plan } from '../policy/plan.ts'
import {
  paths,
  type CallReply,
  type CallRequest,
  type DaemonFile,
  type DaemonInfo,
  type FailureReply,
  type LaunchReply,
  type LaunchRequest,
  type ListReply,
  type StopDaemonReply,
  type StopReply,
  type ToolsReply,
} from '../protocol/daemon.ts'

/** The daemon, as its clients see it. Every call throws GloveboxError; CHANNEL_LOST when nobody answers. */
export interface DaemonClient {
  readonly pid: number
  info(): Promise<DaemonInfo>
  /** How long it stays without anything to own, from now on. */
  setIdle(idleMs: number): Promise<DaemonInfo>
  stopDaemon(options: { whenIdle: boolean }): Promise<StopDaemonReply>
  launch(request: LaunchRequest<Plan>, signal?: AbortSignal): Promise<LaunchReply>
  list(): Promise<ListReply>
  stop(name: string): Promise<StopReply>
  stopAll(): Promise<StopReply>
  tools(name: string, signal?: AbortSignal): Promise<ToolsReply>
  call(name: string, request: CallRequest, signal?: AbortSignal): Promise<CallReply>
  /** The bytes of a server's log; with `follow` until it is stopped. */
  log(name: string, options: { follow: boolean; signal?: AbortSignal }): Promise<AsyncIterable<Buffer>>
}

interface Asked {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: object
  readonly signal?: AbortSignal | undefined
}

export function clientOf(file: DaemonFile): DaemonClient {
  const ask = async <T>(asked: Asked): Promise<T> => (await whole(await send(file, asked))) as T
  const post = async <T>(path: string, body: object, signal?: AbortSignal): Promise<T> =>
    ask<T>({ method: 'POST', path, body, signal })
  return {
    pid: file.pid,
    info: async () => ask({ method: 'GET', path: paths.daemon }),
    setIdle: async (idleMs) => post(paths.daemon, { idleMs }),
    stopDaemon: async (options) => post(paths.stopDaemon, options),
    launch: async (request, signal) => post(paths.servers, request, signal),
    list: async () => ask({ method: 'GET', path: paths.servers }),
    stop: async (name) => post(paths.server(name, 'stop'), {}),
    stopAll: async () => post(paths.stopAll, {}),
    tools: async (name, signal) => ask({ method: 'GET', path: paths.server(name, 'tools'), signal }),
    call: async (name, request, signal) => post(paths.server(name, 'call'), request, signal),
    async log(name, { follow, signal }) {
      const path = `${paths.server(name, 'log')}${follow ? '?follow=1' : ''}`
      const response = await send(file, { method: 'GET', path, signal })
      if (response.statusCode === 200) return bytesOf(response, signal)
      throw failureIn(await bodyOf(response))
    },
  }
}

async function send({ socket, token }: DaemonFile, { method, path, body, signal }: Asked): Promise<IncomingMessage> {
  const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(bytes !== undefined && { 'content-type': 'application/json', 'content-length': bytes.length }),
    }
    const request = httpRequest({ socketPath: socket, method, path, headers, agent: false, ...(signal && { signal }) })
    request.once('response', resolve)
    request.once('error', (cause) => reject(signal?.aborted === true ? reasonOf(signal) : lost(cause)))
    request.end(bytes)
  })
}

/** Its end is told apart from that of the daemon, which breaks the stream off. */
async function* bytesOf(response: IncomingMessage, signal: AbortSignal | undefined): AsyncIterable<Buffer> {
  try {
    yield* response as AsyncIterable<Buffer>
  } catch (cause) {
    throw signal?.aborted === true ? reasonOf(signal) : lost(cause)
  }
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason))
}

async function whole(response: IncomingMessage): Promise<unknown> {
  const body = await bodyOf(response)
  if (response.statusCode === 200) return body
  throw failureIn(body)
}

async function bodyOf(response: IncomingMessage): Promise<unknown> {
  try {
    const parts: Buffer[] = []
    for await (const part of response as AsyncIterable<Buffer>) parts.push(part)
    return JSON.parse(Buffer.concat(parts).toString('utf8'))
  } catch (cause) {
    throw lost(cause)
  }
}

function failureIn(body: unknown): GloveboxError {
  const { code, message, fix } = (body as FailureReply).error
  return new GloveboxError(code as ErrorCode, message, { fix })
}

function lost(cause: unknown): GloveboxError {
  return new GloveboxError('CHANNEL_LOST', 'the daemon has ended, or was killed', {
    cause,
    fix: 'see what is left: glovebox status',
  })
}
