import type { Id } from './ids.ts'
import { errorCodes } from './refusal.ts'
import type { Refusal } from './refusal.ts'
import type { Pending } from './ledger.ts'

export type Side = 'client' | 'server'

/** A JSON-RPC error of the guard's own. `data.source` keeps it from being taken for one of the peer's. */
export interface ErrorAnswer {
  readonly code: number
  readonly message: string
  readonly data?: { readonly source: 'glovebox'; readonly reason: string }
}

export function requestRefused(refused: Refusal): ErrorAnswer {
  return answer(refused.code, `Refused by Glovebox: ${refused.detail}`, refused.reason)
}

/** In place of a response that was not forwarded, so that nobody waits for it in vain. */
export function responseRefused(from: Side, refused: Refusal): ErrorAnswer {
  return answer(errorCodes.internal, `The ${from}'s answer was refused by Glovebox: ${refused.detail}`, refused.reason)
}

/** Exactly what a server says about a tool that it does not have, so without a word of ours (MCP, tools, error handling). */
export function unknownTool(name: string): ErrorAnswer {
  return { code: errorCodes.invalidParams, message: `Unknown tool: ${name}` }
}

export function serverGone(reason: string): ErrorAnswer {
  return answer(errorCodes.internal, `No answer will come: ${reason}`, 'server-gone')
}

/** Of a call that was to run in a sandbox of its own. */
export function apartFailed(reason: string): ErrorAnswer {
  return answer(errorCodes.internal, `The call did not run in a sandbox of its own: ${reason}`, 'apart')
}

export function timedOut(request: Pending, timeMs: number): ErrorAnswer {
  return answer(errorCodes.internal, `${tookTooLong(request.method, timeMs)} and was cancelled.`, 'timed-out')
}

export function tookTooLong(method: string, timeMs: number): string {
  return `The request ${method} took longer than ${timeMs / 1000} s (limits.time)`
}

export function errorFrame(id: Id | null, error: ErrorAnswer): Buffer {
  return frame({ jsonrpc: '2.0', id, error })
}

export function cancelledFrame(requestId: Id, reason: string): Buffer {
  return frame({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, reason } })
}

function answer(code: number, message: string, reason: string): ErrorAnswer {
  return { code, message, data: { source: 'glovebox', reason } }
}

function frame(message: object): Buffer {
  return Buffer.from(`${JSON.stringify(message)}\n`)
}
