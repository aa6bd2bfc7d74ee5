import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { createServer, type Server } from 'node:http'
import { createServer as createNetServer, type AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { encodeAnswer, parseQuery, recordType, responseCode } from '../../src/egress/dns/message.ts'
import { runners } from '../support/as-user.ts'
import { start } from '../support/mcp-client.ts'

/** A resolver that knows one name, which is here, and one of a metadata service; what it was asked. */
async function resolver(t: TestContext): Promise<{ readonly address: string; readonly asked: string[] }> {
  const asked: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (bytes, from) => {
    const parsed = parseQuery(bytes)
    if (parsed === undefined || !('query' in parsed)) return
    const { labels, type } = parsed.query.question
    const name = labels.join('.').toLowerCase()
    asked.push(name)
    const data = name === 'meta.example' ? [169, 254, 169, 254] : [127, 0, 0, 1]
    const answers = type === recordType.A ? [{ type: 'A' as const, ttl: 60, data: Buffer.from(data) }] : []
    socket.send(encodeAnswer(parsed.query, responseCode.noError, answers), from.port, from.address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  t.after(() => socket.close())
  return { address: `127.0.0.1:${socket.address().port}`, asked }
}

async function listen(t: TestContext, server: Server | ReturnType<typeof createNetServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** Says what came of each attempt, one a line. */
const program = `
const { connect } = require('node:net')
const [name, http, raw] = process.argv.slice(1)
const get = (url) => fetch(url).then((response) => response.text(), (error) => error.cause?.code ?? error.message)
const send = (host, port, text) => new Promise((resolve) => {
  let got = ''
  connect({ host, port, allowHalfOpen: true }).on('data', (data) => (got += data)).on('end', () => resolve(got))
    .on('error', (error) => resolve(error.code)).end(text)
})
;(async () => {
  console.log(await get('http://' + name + ':' + http + '/direct'))
  console.log(await send(name, raw, 'raw bytes'))
  console.log(await get('http://evil.example:' + http + '/'))
  console.log(await send('127.0.0.1', raw, 'no rule'))
  console.log(await send('198.18.200.1', raw, 'nobody'))
  console.log(await get('http://meta.example:' + http + '/latest/meta-data/'))
  const proxied = await send('198.18.0.2', 3128, 'CONNECT 169.254.169.254:' + raw + ' HTTP/1.1\\r\\n\\r\\n')
  console.log(proxied.split('\\r\\n')[0])
  const other = 'GET / HTTP/1.1\\r\\nHost: evil.example\\r\\n\\r\\n'
  console.log((await send(name, http, other)).split('\\r\\n')[0])
})()`

for (const runner of runners()) {
  test(`a program that knows no proxy reaches what is allowed by name, and nothing else (${runner.name})`, async (t) => {
    const seen: string[] = []
    const { address, asked } = await resolver(t)
    const http = await listen(
      t,
      createServer((request, response) => {
        seen.push(`${request.headers.host} ${request.url}`)
        response.setHeader('connection', 'close').end(`hello ${request.url}`)
      }),
    )
    const raw = await listen(
      t,
      createNetServer({ allowHalfOpen: true }, (socket) => void socket.pipe(socket)),
    )
    const rules = [`here.example:${http},${raw}`, `meta.example:${http}`].flatMap((rule) => ['--allow-net', rule])
    const flags = [...rules, '--allow-private', '127.0.0.0/8', '--resolver', address]
    const words = [runner.node, '-e', program, 'here.example', `${http}`, `${raw}`]
    const { stdout, stderr, code } = await start(runner, ['exec', ...flags, '--', ...words]).ended
    assert.equal(code, 0, stderr)
    const lines = stdout.trimEnd().split('\n')
    assert.deepEqual(lines.slice(0, 6), [
      'hello /direct',
      'raw bytes',
      'ENOTFOUND',
      'ECONNRESET',
      'ECONNRESET',
      'ECONNRESET',
    ])
    assert.match(lines[6] ?? '', /^HTTP\/1\.1 403 /)
    assert.match(lines[7] ?? '', /^HTTP\/1\.1 403 /)
    assert.deepEqual(seen, [`here.example:${http} /direct`])
    assert.deepEqual([...new Set(asked)].toSorted(), ['here.example', 'meta.example'], 'nothing else is ever asked')
    const denied = await start(runner, ['audit', 'query', '--denied', '--json']).ended
    const events = denied.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, Record<string, string>>)
    const rulesOf = new Set(events.map((event) => event['firewall_rule']?.['name']))
    for (const rule of ['network.default-deny', 'network.address', 'network.host', 'network.unknown-address'])
      assert.ok(rulesOf.has(rule), rule)
    const found = await start(runner, [
      'audit',
      'query',
      '--address',
      'here.example',
      '--kind',
      'egress-close',
      '--json',
    ]).ended
    assert.match(found.stdout, /"event_code":"egress-close"/)
    assert.ok(found.stdout.includes(JSON.stringify(runner.node)), 'with the program that connected')
  })
}

const visit = `require('node:net').connect(Number(process.argv[1]), process.argv[2] ?? '127.0.0.1')
  .on('connect', () => process.exit(4)).on('error', (error) => { console.log(error.code); process.exit(3) })`
const visitItself = `const server = require('node:net').createServer().listen(Number(process.argv[1]), '127.0.0.1', () =>
  require('node:net').connect(Number(process.argv[1]), '127.0.0.1').on('connect', () => process.exit(5)))`

for (const runner of runners()) {
  test(`a program that looks for a server of this machine at its own loopback fails with what leads there (${runner.name})`, async (t) => {
    const port = String(await listen(t, createServer()))
    const exec = async (...words: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> =>
      start(runner, ['exec', ...words]).ended
    const hint = `glovebox: inside, 127.0.0.1:${port} is the sandbox itself, and nothing in it listened there: --allow-net 127.0.0.1:${port} leads to this machine\n`
    const alone = await exec('--', runner.node, '-e', visit, port)
    assert.deepEqual([alone.code, alone.stdout, alone.stderr], [3, 'ECONNREFUSED\n', hint])
    const led = await exec('--allow-net', `127.0.0.1:${port}`, '--', runner.node, '-e', visit, port)
    assert.deepEqual([led.code, led.stderr], [4, ''])
    const itself = await exec('--', runner.node, '-e', visitItself, port)
    assert.deepEqual([itself.code, itself.stderr], [5, ''], 'whoever listens there itself is told nothing')
  })
}
