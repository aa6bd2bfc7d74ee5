import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { connect, createServer as createNetServer, type AddressInfo, type Server } from 'node:net'
import path from 'node:path'
import type { Duplex } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { runners, type Runner } from '../support/as-user.ts'
import { start } from '../support/mcp-client.ts'

async function listen(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  return (server.address() as AddressInfo).port
}

const echo = (t: TestContext): Promise<number> =>
  listen(
    t,
    createNetServer({ allowHalfOpen: true }, (socket) => void socket.on('error', () => socket.destroy()).pipe(socket)),
  )

/** Sends a word, whose first byte begins nothing that is read, to each `HOST:PORT` and keeps every connection open until all have been answered. */
const program = `
const { connect } = require('node:net')
const say = (target) => new Promise((resolve) => {
  const [host, port] = target.split(':')
  const socket = connect({ host, port }, () => socket.write('\\x01word'))
  socket.on('data', (data) => resolve(String(data).slice(1))).on('error', (error) => resolve(error.code)).on('close', () => resolve('closed'))
})
const one = (targets, said) => targets.length === 0 ? said : say(targets[0]).then((word) => one(targets.slice(1), [...said, word]))
one(process.argv.slice(1), []).then((said) => { console.log(said.join(' ')); process.exit() })`

for (const runner of runners()) {
  test(`behind a proxy of the host names go to it, others go nowhere, and the receipt says what is not checked (${runner.name})`, async (t) => {
    const asked: string[] = []
    const raw = await echo(t)
    const proxy = createServer()
    proxy.on('connect', (request: IncomingMessage, program: Duplex) => {
      asked.push(request.url ?? '')
      const upstream = connect(raw, '127.0.0.1', () => program.write('HTTP/1.1 200 OK\r\n\r\n'))
      upstream.on('error', () => program.destroy())
      program.on('error', () => upstream.destroy())
      upstream.pipe(program).pipe(upstream)
    })
    const port = await listen(t, proxy)
    const receipt = path.join(runner.home, 'receipt-behind-a-proxy.json')
    const env = { ...runner.env, HTTPS_PROXY: `http://127.0.0.1:${port}` }
    const behind: Runner = { ...runner, spawn: (file, args, options) => runner.spawn(file, args, { ...options, env }) }
    const flags = ['exec', '--allow-net', 'db.nowhere.example:5432', '--receipt', receipt]
    const words = ['db.nowhere.example:5432', 'other.nowhere.example:5432']
    const { stdout, stderr } = await start(behind, [...flags, '--', runner.node, '-e', program, ...words]).ended
    assert.equal(stdout, 'word ENOTFOUND\n', stderr)
    assert.deepEqual(asked, ['db.nowhere.example:5432'])
    const { enforcements } = JSON.parse(readFileSync(receipt, 'utf8')) as {
      enforcements: { control: string; unchecked?: string }[]
    }
    assert.match(enforcements.find(({ control }) => control === 'net')?.unchecked ?? '', /resolved by the proxy/)
  })
}
