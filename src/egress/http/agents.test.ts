import assert from 'node:assert/strict'
import { createServer, request, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { text } from 'node:stream/consumers'
import { eventually } from '../../../test/support/eventually.ts'
import { dial } from '../connect/dial.ts'
import { createAgents } from './agents.ts'

/** A server, and what asks it over connections that are kept for a tenth of a second; `held`: none is made before `go`. */
async function setUp(t: TestContext, listener: RequestListener, { keptMs = 100, held = false } = {}) {
  const server = createServer({ keepAliveTimeout: 60_000 }, listener).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const made: Socket[] = []
  const [begun, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const agents = createAgents(async () => {
    begun.resolve()
    if (held) await gone.promise
    const socket = await dial(['127.0.0.1'], port, { connectMs: 2000, idleMs: 60_000 })
    made.push(socket)
    return socket
  }, keptMs)
  t.after(() => agents.destroy())
  const ask = async (name = 'a.example'): Promise<string> => {
    const target = { name, port }
    const asking = request({ agent: agents.kept, ...({ target } as object) })
    asking.end()
    const answer = await new Promise<IncomingMessage>((resolve, reject) =>
      asking.once('response', resolve).once('error', reject),
    )
    return text(answer)
  }
  return { agents, ask, made, begun: begun.promise, go: gone.resolve }
}

test('a server that thinks for longer than connections are kept is waited for, also on one that is used again', async (t) => {
  let asked = 0
  const { ask, made } = await setUp(t, (_, response) => {
    asked += 1
    if (asked === 1) response.end('at once')
    else setTimeout(() => response.end('at last'), 400)
  })
  assert.equal(await ask(), 'at once')
  assert.equal(await ask(), 'at last')
  assert.deepEqual([asked, made.length], [2, 1])
})

test('a connection on which no next request comes is closed', async (t) => {
  const { ask, made } = await setUp(t, (_, response) => void response.end('hello'))
  assert.equal(await ask(), 'hello')
  await eventually(() => (made[0]?.destroyed === true ? true : undefined))
  assert.equal(await ask(), 'hello')
  assert.equal(made.length, 2)
})

test('a connection that is there when nobody needs it any more is closed', async (t) => {
  const { agents, ask, made, begun, go } = await setUp(t, (_, response) => void response.end('hello'), { held: true })
  const asked = assert.rejects(ask())
  await begun
  agents.destroy()
  go()
  await asked
  await eventually(() => (made[0]?.destroyed === true ? true : undefined))
})

test('however many targets one has asked, the next one does not wait for those', async (t) => {
  const { ask, made } = await setUp(t, (_, response) => void response.end('hello'), { keptMs: 600_000 })
  for (let at = 0; at < 40; at++) assert.equal(await ask(`${at}.example`), 'hello')
  assert.equal(made.length, 40)
  assert.ok(made.filter(({ destroyed }) => !destroyed).length <= 13)
})
