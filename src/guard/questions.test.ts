import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Direction, Fact } from '../protocol/facts.ts'
import { createGuard, type Guard } from './guard.ts'
import type { Id } from './ids.ts'
import type { Output } from './outputs.ts'

const question = {
  message: 'May it?',
  choices: [
    { value: 'once', title: 'Once' },
    { value: 'no', title: 'No' },
  ],
}

interface Scene {
  readonly guard: Guard
  readonly facts: Fact[]
  readonly say: (direction: Direction, message: object) => readonly (readonly [string, unknown])[]
}

const told = (outputs: readonly Output[]): (readonly [string, unknown])[] =>
  outputs.map(({ to, bytes }) => [to, JSON.parse(bytes.toString())] as const)

function scene(): Scene {
  const facts: Fact[] = []
  const guard = createGuard({ record: (fact) => facts.push(fact) })
  return {
    guard,
    facts,
    say: (direction, message) =>
      told(guard.receive(direction, Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`))),
  }
}

/** A conversation that has begun, with a client of these capabilities. */
function begun(capabilities: object = { elicitation: {} }, protocolVersion = '2025-11-25'): Scene {
  const it = scene()
  it.say('client-to-server', { id: 1, method: 'initialize', params: { protocolVersion, capabilities } })
  it.say('server-to-client', { id: 1, result: { protocolVersion, capabilities: {} } })
  it.say('client-to-server', { method: 'notifications/initialized' })
  return it
}

function ask({ guard }: Scene): { id: Id; answers: (string | undefined)[]; sent: unknown } {
  const answers: (string | undefined)[] = []
  const { id, outputs } = guard.ask(question, (choice) => answers.push(choice))
  const [[to, sent] = []] = told(outputs)
  assert.equal(to, 'client')
  return { id, answers, sent }
}

test('a client is asked that has announced forms, in a version that has them, once it is ready', () => {
  assert.equal(begun().guard.canAsk(), true)
  assert.equal(begun({ elicitation: { form: {}, url: {} } }).guard.canAsk(), true)
  assert.equal(begun({ elicitation: {} }, '2025-06-18').guard.canAsk(), true)
  assert.equal(begun({ elicitation: { url: {} } }).guard.canAsk(), false)
  assert.equal(begun({}).guard.canAsk(), false)
  assert.equal(begun({ elicitation: true }).guard.canAsk(), false)
  assert.equal(begun({ elicitation: {} }, '2025-03-26').guard.canAsk(), false)
  const early = scene()
  const params = { protocolVersion: '2025-11-25', capabilities: { elicitation: {} } }
  early.say('client-to-server', { id: 1, method: 'initialize', params })
  assert.equal(early.guard.canAsk(), false)
  early.say('server-to-client', { id: 1, result: { protocolVersion: '2025-11-25', capabilities: {} } })
  assert.equal(early.guard.canAsk(), false, 'it has not said that it is ready')
  const stateless = scene()
  stateless.say('client-to-server', { id: 1, method: 'tools/list', params: { _meta: {} } })
  assert.equal(stateless.guard.canAsk(), false, 'in the stateless era nobody asks a client anything')
})

test('a question is a form with the choices, and its answer ends here', () => {
  const it = begun()
  const { id, answers, sent } = ask(it)
  assert.deepEqual(sent, {
    jsonrpc: '2.0',
    id,
    method: 'elicitation/create',
    params: {
      message: 'May it?',
      requestedSchema: {
        type: 'object',
        properties: {
          answer: { type: 'string', title: 'Answer', enum: ['once', 'no'], enumNames: ['Once', 'No'] },
        },
        required: ['answer'],
      },
    },
  })
  const result = { action: 'accept', content: { answer: 'once' } }
  assert.deepEqual(it.say('client-to-server', { id, result }), [], 'the server is told nothing')
  assert.deepEqual(answers, ['once'])
  assert.deepEqual(it.say('client-to-server', { id, result }), [], 'nor when it comes again')
  assert.deepEqual(answers, ['once'])
  assert.deepEqual(it.facts, [])
})

test('declined, cancelled, an error, and what is none of the choices, are no answer', () => {
  for (const answer of [
    { result: { action: 'decline' } },
    { result: { action: 'cancel' } },
    { result: { action: 'decline', content: { answer: 'once' } } },
    { result: { action: 'accept', content: { answer: 'all' } } },
    { result: { action: 'accept', content: ['once'] } },
    { result: {} },
    { error: { code: -32_601, message: 'not here' } },
  ]) {
    const it = begun()
    const { id, answers } = ask(it)
    assert.deepEqual(it.say('client-to-server', { id, ...answer }), [])
    assert.deepEqual(answers, [undefined])
  }
})

test('a server can neither use the id of a question nor answer it', () => {
  const it = begun()
  const { id, answers } = ask(it)
  const [[to, refused] = []] = it.say('server-to-client', { id, method: 'elicitation/create', params: {} })
  assert.equal(to, 'server')
  assert.match(JSON.stringify(refused), /duplicate-id/)
  assert.deepEqual(it.say('server-to-client', { id, result: { action: 'accept', content: { answer: 'once' } } }), [])
  assert.deepEqual(answers, [])
})

test('a server’s own question and its answer pass as ever, beside ours', () => {
  const it = begun()
  const { answers } = ask(it)
  const own = { id: 7, method: 'elicitation/create', params: { message: 'Name?' } }
  assert.equal(it.say('server-to-client', own)[0]?.[0], 'client')
  assert.equal(it.say('client-to-server', { id: 7, result: { action: 'decline' } })[0]?.[0], 'server')
  assert.deepEqual(answers, [])
})

test('a question that is withdrawn is cancelled at the client, and a late answer is nobody’s', () => {
  const it = begun()
  const { id, answers } = ask(it)
  assert.deepEqual(told(it.guard.withdraw(id, 'too late')), [
    ['client', { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id, reason: 'too late' } }],
  ])
  const result = { action: 'accept', content: { answer: 'once' } }
  assert.deepEqual(it.say('client-to-server', { id, result }), [])
  assert.deepEqual(answers, [])
})
