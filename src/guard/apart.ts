import { randomHex } from '../system/random-hex.ts'
import { apartFailed, cancelledFrame, errorFrame } from './answers.ts'
import { readId, type Id } from './ids.ts'
import { hasKey, isArray, isObject, stringAt } from './json-read.ts'
import { createJsonScanner, type Span } from './json-scan.ts'
import { defaultLimits } from './limits.ts'
import { initialized, membersOf, messageIn, splice, withNewline, type Found } from './apart-message.ts'
import { isTask } from './responses.ts'

/** One call in a sandbox of its own, by its number. */
export type CallNumber = number

/** What is to be done about a line, in this order. Bytes are whole lines. */
export type Step =
  | { readonly to: 'shared' | 'client'; readonly bytes: Buffer }
  | { readonly to: CallNumber; readonly bytes: Buffer }
  /** A sandbox is wanted for a call; what it is to read follows. */
  | { readonly open: CallNumber; readonly tool: string }
  /** The call is over: its sandbox goes, and then the client gets the answer. Without one nobody waits for it any more. */
  | { readonly over: CallNumber; readonly answer: Buffer | undefined }

/**
 * Stands between the guard before the client and the guards before the sandboxes of one server, one that all share and one
 * for each call that is to run apart. All of them speak as one server to the client: a call and all that belongs to it (progress,
 * cancelling, questions of the server's and their answers) goes where the call runs, everything else to the shared one.
 *
 * Lines have passed a guard on their way here, and pass another on their way out; whoever answers a request that it was not
 * sent is refused there. What cannot be kept apart by that is renamed here: requests of different servers may have the same ids.
 */
export interface ApartRouter {
  fromClient(line: Buffer): Step[]
  fromShared(line: Buffer): Step[]
  fromCall(call: CallNumber, line: Buffer): Step[]
  /** Its sandbox did not start, or is gone: who still waits is told. */
  lost(call: CallNumber, why: string): Step[]
}

interface Call {
  readonly id: Id
  /** Until the server has been initialized, where the client's conversation was: what it then reads. */
  held: Buffer | undefined
}

/** A request of a server's, as it was before it was renamed. */
interface Renamed {
  readonly call: CallNumber
  /** Copied: the line that it stood in may be megabytes, and is not kept for it. */
  readonly bytes: Buffer
}

export function createApartRouter(isApart: (tool: string) => boolean): ApartRouter {
  const scan = createJsonScanner(defaultLimits.depth)
  const calls = new Map<CallNumber, Call>()
  const byId = new Map<Id, CallNumber>()
  const requests = new Map<Id, Renamed>()
  const tokens = new Map<Id, Renamed>()
  // Unguessable: no server may repeat one, or answer what it was not asked.
  const prefix = `glovebox-${randomHex(12)}`
  const initializeId = `${prefix}-initialize`
  const levelId = `${prefix}-level`
  let opened = 0
  let renamed = 0
  let session: { readonly id: Id; readonly params: Buffer; isAnswered: boolean } | undefined
  let level: Buffer | undefined

  return {
    fromClient(line) {
      const members = membersOf(scan, line)
      if (members === undefined) return clientMessage(messageIn(scan, line, whole(line)), line)
      // A batch: what belongs to the shared server stays one.
      const steps = members.flatMap((span) => clientMessage(messageIn(scan, line, span), bytesOf(line, span)))
      const shared = steps.flatMap((step) => ('to' in step && step.to === 'shared' ? [step.bytes] : []))
      const others = steps.filter((step) => !('to' in step && step.to === 'shared'))
      if (shared.length === 0) return others
      const batch = Buffer.from(`[${shared.map((bytes) => bytes.toString('utf8').trimEnd()).join(',')}]\n`)
      return [{ to: 'shared', bytes: batch }, ...others]
    },

    fromShared(line) {
      if (session?.isAnswered === false && membersOf(scan, line) === undefined) {
        const { id, isError, isResponse } = messageIn(scan, line, whole(line))
        if (isResponse && id === session.id) {
          if (isError) session = undefined
          else session.isAnswered = true
        }
      }
      return [{ to: 'client', bytes: line }]
    },

    fromCall(number, line) {
      const spans = membersOf(scan, line) ?? [whole(line)]
      return spans.flatMap((span) => {
        const call = calls.get(number)
        return call === undefined ? [] : serverMessage(number, call, messageIn(scan, line, span), bytesOf(line, span))
      })
    },

    lost(number, why) {
      const call = calls.get(number)
      return call === undefined ? [] : over(number, errorFrame(call.id, apartFailed(why)))
    },
  }

  function clientMessage(message: Found, bytes: Buffer): Step[] {
    const { method, id } = message
    if (message.isResponse) return answered(message, bytes)
    switch (method) {
      case 'initialize':
        if (id !== undefined && message.params !== undefined) {
          session = { id, params: bytesAt(message, message.params), isAnswered: false }
        }
        return [{ to: 'shared', bytes }]
      case 'logging/setLevel':
        level = message.params === undefined ? undefined : bytesAt(message, message.params)
        return [{ to: 'shared', bytes }]
      case 'notifications/cancelled':
        return cancelled(message, bytes)
      case 'notifications/progress':
        return progressed(message, bytes)
      case 'notifications/roots/list_changed':
        return [{ to: 'shared', bytes }, ...[...calls.keys()].map((to): Step => ({ to, bytes }))]
      case 'tools/call':
        return called(message, bytes)
      default:
        return [{ to: 'shared', bytes }]
    }
  }

  function called(message: Found, bytes: Buffer): Step[] {
    const tool = stringOf(message, field(message, message.params, 'name'))
    if (tool === undefined || !isApart(tool)) return [{ to: 'shared', bytes }]
    const { id } = message
    // A call that nobody waits for has no end that could be seen, so no sandbox either; MCP has no such thing.
    if (id === undefined) return []
    const task = field(message, message.params, 'task')
    if (task !== undefined && isObject(message.bytes, task)) {
      return [{ to: 'client', bytes: errorFrame(id, apartFailed(outlives)) }]
    }
    const number = ++opened
    byId.set(id, number)
    calls.set(number, { id, held: session === undefined ? undefined : bytes })
    const first = session === undefined ? bytes : lineOf('initialize', initializeId, session.params)
    return [
      { open: number, tool },
      { to: number, bytes: first },
    ]
  }

  function cancelled(message: Found, bytes: Buffer): Step[] {
    const number = byId.get(idAt(message, field(message, message.params, 'requestId')) ?? '')
    return number === undefined ? [{ to: 'shared', bytes }] : [{ to: number, bytes }, ...over(number, undefined)]
  }

  /** To a question of a server's own. */
  function answered(message: Found, bytes: Buffer): Step[] {
    const { id } = message
    const request = id === undefined ? undefined : requests.get(id)
    if (request === undefined || id === undefined) {
      // One of ours whose call is over is an answer to nobody.
      return isOurs(id) ? [] : [{ to: 'shared', bytes }]
    }
    requests.delete(id)
    // What goes on as a task goes on telling its progress, for as long as the call does.
    const goesOn = tokens.has(id) && message.result !== undefined && startsTask(message, message.result)
    if (!goesOn) tokens.delete(id)
    return [{ to: request.call, bytes: splice(message, [[message.idSpan, request.bytes]]) }]
  }

  function progressed(message: Found, bytes: Buffer): Step[] {
    const span = field(message, message.params, 'progressToken')
    const told = idAt(message, span)
    const token = tokens.get(told ?? '')
    if (token === undefined) return isOurs(told) ? [] : [{ to: 'shared', bytes }]
    return [{ to: token.call, bytes: splice(message, [[span, token.bytes]]) }]
  }

  function serverMessage(number: CallNumber, call: Call, message: Found, bytes: Buffer): Step[] {
    if (message.isResponse) return settled(number, call, message, bytes)
    if (message.id !== undefined) return [{ to: 'client', bytes: renameRequest(number, message) }]
    switch (message.method) {
      case 'notifications/cancelled':
        return withdrawn(number, message)
      // Lists are those of the shared server; this one is gone before it could be asked for its own.
      case 'notifications/tools/list_changed':
      case 'notifications/prompts/list_changed':
      case 'notifications/resources/list_changed':
        return []
      default:
        return [{ to: 'client', bytes }]
    }
  }

  function settled(number: CallNumber, call: Call, message: Found, bytes: Buffer): Step[] {
    if (message.id === initializeId) return ready(number, call, message)
    if (message.id === levelId) return []
    if (message.id !== call.id) return [{ to: 'client', bytes }]
    const isLater = message.result !== undefined && startsTask(message, message.result)
    return over(number, isLater ? errorFrame(call.id, apartFailed(outlives)) : bytes)
  }

  function ready(number: CallNumber, call: Call, message: Found): Step[] {
    if (message.isError) return over(number, errorFrame(call.id, apartFailed('its server refused the handshake')))
    const lines = [initialized, ...(level === undefined ? [] : [lineOf('logging/setLevel', levelId, level)])]
    if (call.held !== undefined) lines.push(call.held)
    call.held = undefined
    return lines.map((bytes): Step => ({ to: number, bytes }))
  }

  function renameRequest(number: CallNumber, message: Found): Buffer {
    const own = `${prefix}-${++renamed}`
    requests.set(own, { call: number, bytes: Buffer.from(bytesAt(message, message.idSpan)) })
    const token = field(message, field(message, message.params, '_meta'), 'progressToken')
    const isToken = idAt(message, token) !== undefined
    if (isToken) tokens.set(own, { call: number, bytes: Buffer.from(bytesAt(message, token)) })
    const name = Buffer.from(JSON.stringify(own))
    return splice(message, [[message.idSpan, name], ...(isToken ? [[token, name] as const] : [])])
  }

  /** A server no longer wants to know what it asked. */
  function withdrawn(number: CallNumber, message: Found): Step[] {
    const span = field(message, message.params, 'requestId')
    const meant = idAt(message, span)
    for (const [own, { call, bytes }] of requests) {
      if (call !== number || readId(bytes, whole(bytes), defaultLimits.idLength) !== meant) continue
      requests.delete(own)
      tokens.delete(own)
      return [{ to: 'client', bytes: splice(message, [[span, Buffer.from(JSON.stringify(own))]]) }]
    }
    return []
  }

  function over(number: CallNumber, answer: Buffer | undefined): Step[] {
    const call = calls.get(number)
    calls.delete(number)
    if (call !== undefined) byId.delete(call.id)
    for (const [own, token] of tokens) if (token.call === number) tokens.delete(own)
    const open = [...requests].filter(([, request]) => request.call === number).map(([own]) => own)
    for (const own of open) requests.delete(own)
    return [
      ...open.map((own): Step => ({ to: 'client', bytes: cancelledFrame(own, 'The call that asked is over.') })),
      { over: number, answer: answer === undefined ? undefined : withNewline(answer) },
    ]
  }

  function startsTask({ bytes }: Found, result: Span): boolean {
    return isTask(scan, bytes, result, defaultLimits.members)
  }

  function isOurs(id: Id | undefined): boolean {
    return typeof id === 'string' && id.startsWith(prefix)
  }

  function field({ bytes }: Found, span: Span | undefined, key: string): Span | undefined {
    if (span === undefined || !isObject(bytes, span) || isArray(bytes, span)) return undefined
    const { members } = scan(bytes, span.start, span.end, defaultLimits.members)
    return members.find((member) => hasKey(bytes, member, key))
  }
}

const outlives = 'it asks for a task, which would outlive the sandbox of its call'

function whole(line: Buffer): Span {
  return { start: 0, end: line.at(-1) === 0x0a ? line.length - 1 : line.length }
}

function bytesOf(line: Buffer, span: Span): Buffer {
  return withNewline(line.subarray(span.start, span.end))
}

function bytesAt({ bytes }: Found, span: Span | undefined): Buffer {
  return span === undefined ? Buffer.alloc(0) : bytes.subarray(span.start, span.end)
}

function idAt({ bytes }: Found, span: Span | undefined): Id | undefined {
  return span === undefined ? undefined : readId(bytes, span, defaultLimits.idLength)
}

function stringOf({ bytes }: Found, span: Span | undefined): string | undefined {
  return span === undefined ? undefined : stringAt(bytes, span)
}

function lineOf(method: string, id: string, params: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":${JSON.stringify(method)},"params":`),
    params,
    Buffer.from('}\n'),
  ])
}
