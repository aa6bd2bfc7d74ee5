import assert from 'node:assert/strict'
import { createServer, request, type RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { text } from 'node:stream/consumers'
import type { IncomingMessage } from 'node:http'
import { eventually } from '../../../test/support/eventually.ts'
import { dial } from '../connect/dial.ts'
import { createAgents } from './agents.ts'

/** A server, and what asks it over connections that are kept for a tenth of a second. */
async function setUp(t: TestContext, listener: RequestListener) {
  const server = createServer({ keepAliveTimeout: 60_000 }, listener).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const made: Socket[] = []
  const agents = createAgents(async () => {
    const socket = await dial(['127.0.0.1'], port, { connectMs: 2000, idleMs: 60_000 })
    made.push(socket)
    return socket
  }, 100)
  t.after(() => agents.destroy())
  const ask = async (): Promise<string> => {
    const target = { name: 'a.example', port }
    const asking = request({ agent: agents.kept, ...({ target } as object) })
    asking.end()
    const answer = await new Promise<IncomingMessage>((resolve, reject) =>
      asking.once('response', resolve).once('error', reject),
    )
    return text(answer)
  }
  return { ask, made }
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
