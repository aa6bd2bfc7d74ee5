import { normalName } from '../host-name.ts'
import type { Names } from '../names.ts'
import type { Decision } from '../rules.ts'
import {
  encodeAnswer,
  encodeFailure,
  encodeName,
  parseQuery,
  recordType,
  responseCode,
  type Answer,
  type Query,
} from './message.ts'
import { addressData, addressOfPointer } from './pointer.ts'

export interface StubOptions {
  readonly names: Names
  readonly resolves: (name: string) => Decision
  /** Told before the answer goes back; what it throws keeps the answer from being given. */
  readonly onRefused: (lookup: RefusedLookup) => void
}

export interface RefusedLookup {
  /** Normalised, or, where that cannot be, as it was asked for with what is no letter escaped. */
  readonly name: string
  readonly type: number
  readonly rule: string
}

/** An address keeps its name for the sandbox's life: how often it is asked for again is a matter of rules that may change. */
const ttlSeconds = 60

/**
 * The resolver inside: answers a datagram out of what is in memory, and never asks anybody, so that nothing can leave as a
 * question. An empty answer is for what is no question.
 */
export function createStub(options: StubOptions): (datagram: Buffer) => Buffer {
  return (datagram) => {
    const parsed = parseQuery(datagram)
    if (parsed === undefined) return Buffer.alloc(0)
    if (!('query' in parsed)) return encodeFailure(parsed.header, parsed.code)
    const { query } = parsed
    if (query.edns !== undefined && query.edns.version > 0) return encodeAnswer(query, responseCode.badVers, [])
    const { code, answers } = answerTo(query, options)
    return encodeAnswer(query, code, answers)
  }
}

interface Outcome {
  readonly code: number
  readonly answers: readonly Answer[]
}

const none: Outcome = { code: responseCode.noError, answers: [] }

function answerTo({ question }: Query, { names, resolves, onRefused }: StubOptions): Outcome {
  const { type, isInternet } = question
  if (!isInternet) return { code: responseCode.refused, answers: [] }
  const spelled = textOf(question.labels)
  // The root has no address, but it is there: programs ask it whether a resolver works.
  if (spelled === '') return none
  // A label may hold any byte, a point too: only what needs no escape is a name.
  const name = spelled.includes('\\') ? undefined : normalName(spelled)
  // RFC 6761, 6.3
  if (name === 'localhost' || name?.endsWith('.localhost')) return addresses(type, { v4: '127.0.0.1', v6: '::1' })
  if (name !== undefined && type === recordType.PTR && name.endsWith('.arpa')) return pointer(name, names)
  const decision = name === undefined ? notAName : resolves(name)
  if (name === undefined || !decision.allowed) {
    onRefused({ name: name ?? spelled, type, rule: decision.rule })
    // And not REFUSED, on which programs try again, or another server.
    return { code: responseCode.nxDomain, answers: [] }
  }
  const pair = names.give(name)
  if (pair === undefined) {
    onRefused({ name, type, rule: 'network.limits.names' })
    return { code: responseCode.servFail, answers: [] }
  }
  return addresses(type, pair)
}

const notAName: Decision = { allowed: false, rule: 'network.not-a-name' }

/** All other types of an allowed name are empty, which is an answer that programs take at once: HTTPS, MX, TXT, … */
function addresses(type: number, pair: { readonly v4: string; readonly v6: string }): Outcome {
  const any = type === recordType.ANY
  const answers: Answer[] = []
  if (any || type === recordType.A) answers.push({ type: 'A', ttl: ttlSeconds, data: addressData(pair.v4) })
  if (any || type === recordType.AAAA) answers.push({ type: 'AAAA', ttl: ttlSeconds, data: addressData(pair.v6) })
  return { code: responseCode.noError, answers }
}

function pointer(name: string, names: Names): Outcome {
  const address = addressOfPointer(name)
  const known = address === undefined ? undefined : names.nameAt(address)
  if (known === undefined) return { code: responseCode.nxDomain, answers: [] }
  return { code: responseCode.noError, answers: [{ type: 'PTR', ttl: ttlSeconds, data: encodeName(known) }] }
}

/** Labels in the words of RFC 1035, 5.1: what is no plain character is `\DDD`. */
function textOf(labels: readonly Buffer[]): string {
  return labels
    .map((label) =>
      [...label]
        .map((byte) => {
          const plain = byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c
          return plain ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`
        })
        .join(''),
    )
    .join('.')
}
