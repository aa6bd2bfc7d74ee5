import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { GloveboxError, messageOf, type ErrorCode } from '../errors.ts'
import type { FailureReply } from '../protocol/daemon.ts'

/** One request that may be answered. */
export interface Exchange {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  /** Aborted when whoever asked has gone. */
  readonly signal: AbortSignal
  body(): Promise<unknown>
  readonly response: ServerResponse
}

/** Undefined: the answer has been written, or will be. */
export type Answerer = (exchange: Exchange) => Promise<object | undefined>

const maxBody = 32 * 1024 ** 2

/**
 * Lets in who knows the token, and turns answers and errors into JSON. The socket is in a directory that only its user
 * enters, and only they can connect to it (unix(7)); Node cannot ask the kernel who is at the other end, so a client also says
 * what stands in a file that only this user reads. A sandbox that was shown the directory cannot connect: no socket of the host's
 * is let through its supervisor.
 */
export function listener(token: string, answer: Answerer, tell: (line: string) => void): RequestListener {
  return (request, response) => {
    const gone = new AbortController()
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new Error('whoever asked has gone'))
    })
    void respond(request, response, gone.signal)
  }

  async function respond(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    try {
      if (!isKnown(request.headers.authorization, token)) return send(response, 401, failureOf(unknownClient()))
      const { url = '/' } = request
      const { searchParams } = new URL(url, 'http://daemon')
      const exchange = {
        method: request.method ?? '',
        // As it was sent: where a URL is tidied up, a server that is called "." is the path above, and another request.
        path: url.replace(/\?.*$/s, ''),
        query: searchParams,
        signal,
        body: async () => bodyOf(request),
        response,
      }
      const reply = await answer(exchange)
      if (reply !== undefined) send(response, 200, reply)
    } catch (error) {
      if (!(error instanceof GloveboxError) && !signal.aborted) tell(error instanceof Error ? (error.stack ?? '') : '')
      if (response.headersSent) response.destroy()
      else send(response, 400, failureOf(error))
    }
  }
}

function isKnown(header: string | undefined, token: string): boolean {
  const [given, wanted] = [Buffer.from(header ?? ''), Buffer.from(`Bearer ${token}`)]
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}

function unknownClient(): GloveboxError {
  return new GloveboxError('REFUSED', 'the daemon serves only who can read its file')
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > maxBody) throw new GloveboxError('USAGE', `a request to the daemon has at most ${maxBody} bytes`)
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'))
  } catch (cause) {
    throw new GloveboxError('USAGE', 'a request to the daemon is not JSON', { cause })
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  const bytes = Buffer.from(JSON.stringify(body))
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length })
  response.end(bytes)
}

function failureOf(error: unknown): FailureReply {
  const code: ErrorCode = error instanceof GloveboxError ? error.code : 'INTERNAL'
  const fix = error instanceof GloveboxError ? error.fix : undefined
  return { error: { code, message: messageOf(error), ...(fix !== undefined && { fix }) } }
}
