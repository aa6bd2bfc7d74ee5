import { randomHex } from '../system/random-hex.ts'
import type { Id } from './ids.ts'

/** What came back: one of the choices, or undefined for a refusal and for whatever is no answer. */
export type OnAnswer = (choice: string | undefined) => void

export interface Question {
  readonly message: string
  readonly choices: readonly { readonly value: string; readonly title: string }[]
}

/**
 * Questions of our own to the person at the client, in between the messages of the server: their ids are nobody else's,
 * and their answers end here.
 */
export interface Questions {
  /** The client's capabilities, out of its `initialize`: the JSON of that member. */
  announced(capabilities: string): void
  /** The client has said that it is ready: no request may come before (MCP, lifecycle). */
  ready(): void
  canAsk(protocolVersion: string | undefined): boolean
  /** The request as a line. */
  open(question: Question, onAnswer: OnAnswer): { readonly id: Id; readonly frame: Buffer }
  /** No longer waited for; an answer that comes all the same is dropped. */
  withdraw(id: Id): void
  has(id: Id): boolean
  /** Takes an answer of the client's; false when it is to no question of ours. */
  settle(id: Id, result: string | undefined): boolean
}

/** The first version with elicitation. In the stateless era nobody asks a client anything: results ask (2026-07-28). */
const firstVersion = '2025-06-18'
const lastVersion = '2025-11-25'

export function createQuestions(): Questions {
  const open = new Map<Id, { readonly question: Question; readonly onAnswer: OnAnswer }>()
  const ids = new Set<Id>()
  // Unguessable, so that no server answers or repeats it.
  const prefix = `glovebox-${randomHex(12)}`
  let capable = false
  let isReady = false
  let count = 0

  return {
    announced(capabilities) {
      const { elicitation } = objectOf(JSON.parse(capabilities))
      // Without a mode it is forms (2025-11-25, elicitation, capabilities).
      const modes = objectOf(elicitation)
      capable = typeof elicitation === 'object' && elicitation !== null && ('form' in modes || !('url' in modes))
    },
    ready: () => void (isReady = true),
    canAsk: (version) =>
      capable && isReady && version !== undefined && version >= firstVersion && version <= lastVersion,
    open(question, onAnswer) {
      const id = `${prefix}-${++count}`
      ids.add(id)
      open.set(id, { question, onAnswer })
      return { id, frame: frameOf(id, question) }
    },
    withdraw: (id) => void open.delete(id),
    has: (id) => ids.has(id),
    settle(id, result) {
      if (!ids.has(id)) return false
      const asked = open.get(id)
      open.delete(id)
      asked?.onAnswer(result === undefined ? undefined : choiceIn(result, asked.question))
      return true
    },
  }
}

function frameOf(id: string, { message, choices }: Question): Buffer {
  const answer = {
    type: 'string',
    title: 'Answer',
    enum: choices.map(({ value }) => value),
    enumNames: choices.map(({ title }) => title),
  }
  const requestedSchema = { type: 'object', properties: { answer }, required: ['answer'] }
  const request = { jsonrpc: '2.0', id, method: 'elicitation/create', params: { message, requestedSchema } }
  return Buffer.from(`${JSON.stringify(request)}\n`)
}

function choiceIn(result: string, { choices }: Question): string | undefined {
  const { action, content } = objectOf(JSON.parse(result))
  const { answer } = objectOf(content)
  return action === 'accept' ? choices.find(({ value }) => value === answer)?.value : undefined
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}
