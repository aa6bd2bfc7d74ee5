import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { hostSession, type HostEvent } from './host.ts'

type Expected =
  | { readonly connected: { readonly generation: number; readonly instance: string } }
  | { readonly data: string }
  | { readonly ended: true }

interface Case {
  readonly name: string
  readonly role: 'host' | 'inside'
  readonly session?: string
  readonly steps: readonly {
    readonly receive?: string
    readonly expect?: readonly Expected[]
    readonly send?: string
    readonly writes?: string
  }[]
}

/** Bytes that both ends are held to (docs/channel.md); `native/` reads the same file. */
const fixtures = JSON.parse(
  readFileSync(new URL('../../../native/wire/fixtures/framing.json', import.meta.url), 'utf8'),
) as {
  readonly hostConnects: { readonly session: string; readonly zeros: number; readonly hello: string }
  readonly cases: readonly Case[]
}

function shown(event: HostEvent): object {
  if (event.event === 'data') return { data: event.bytes.toString('hex') }
  if (event.event === 'end') return { ended: true }
  return { connected: { generation: Number(event.generation), instance: event.instance.toString('hex') } }
}

/** What concerns us of what is expected: the session is the one that we gave. */
function expected(what: Expected): object {
  if (!('connected' in what)) return what
  const { generation, instance } = what.connected
  return { connected: { generation, instance } }
}

test('A host begins with the zeros and the HELLO of the shared fixture', () => {
  const { session, zeros, hello } = fixtures.hostConnects
  const opening = hostSession(Buffer.from(session, 'hex')).opening()
  assert.ok(opening.subarray(0, -44).equals(Buffer.alloc(zeros)))
  assert.equal(opening.toString('hex', zeros), hello)
})

const ours = fixtures.cases.filter(({ role }) => role === 'host')

test('There are shared cases for the host', () => assert.ok(ours.length >= 2))

for (const { name, session, steps } of ours) {
  test(`Shared fixture: ${name}`, () => {
    const host = hostSession(Buffer.from(session ?? '', 'hex'))
    for (const { receive, expect = [], send, writes } of steps) {
      if (receive !== undefined) {
        const events = host.take(Buffer.from(receive, 'hex'))
        assert.deepEqual(events.map(shown), expect.map(expected))
      }
      if (send !== undefined) {
        assert.equal(Buffer.concat(host.data(Buffer.from(send, 'hex'))).toString('hex'), writes)
      }
    }
  })
}

test('What the fixtures make the inside write, the host understands', () => {
  // WELCOME and data of an inside are in its cases as what it answers and writes.
  const conversation = fixtures.cases.find(({ name }) => name === 'a host connects, and bytes flow both ways')
  assert.ok(conversation)
  const { session } = fixtures.hostConnects
  const host = hostSession(Buffer.from(session, 'hex'))
  const written = conversation.steps.flatMap(({ writes, expect = [] }) => [
    ...expect.flatMap((each) => ('answer' in each ? [String(each.answer)] : [])),
    ...(writes === undefined ? [] : [writes]),
  ])
  const kinds = written.flatMap((bytes) => host.take(Buffer.from(bytes, 'hex'))).map(({ event }) => event)
  assert.deepEqual(kinds.slice(0, 3), ['welcome', 'data', 'data'])
})
