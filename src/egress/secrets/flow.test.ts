import assert from 'node:assert/strict'
import { Agent, createServer as createHttp, request, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { connect, createServer as createTcp, type AddressInfo, type Server, type Socket } from 'node:net'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { after, afterEach, test } from 'node:test'
import { unlessPresent } from '../../../test/support/requirement.ts'
import { toSecret } from '../../policy/secret-words.ts'
import { runTool } from '../../system/run-tool.ts'
import { createAuthority } from '../tls/authority.ts'
import { intercept } from '../tls/intercept.ts'
import { verifying } from '../tls/roots.ts'
import { trustInside } from '../tls/trust-inside.ts'
import type { Header } from './request.ts'
import { Secrets } from './secrets.ts'

const value = 'v4lue/of+the=secret'
const world = createAuthority(['example.org'], 'world')
const roots = verifying([world.certificate])
// Waited for before the first test: while a file waits between two tests, the runner may find that all it knows of have
// ended, and run `after`, which removes the directory of those that come.
const curl = await runTool({ file: 'curl', args: ['--version'], cwd: tmpdir(), env: process.env }).then(
  () => undefined,
  () => 'there is no curl',
)
const root = mkdtempSync(path.join(tmpdir(), 'glovebox-flow-'))
after(() => rmSync(root, { recursive: true, force: true }))

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

async function listening(server: Server): Promise<number> {
  const ends = new Set<Socket>()
  server.on('connection', (socket) => ends.add(socket))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  open.push(() => {
    for (const end of ends) end.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await new Promise<void>((resolve, reject) => void socket.once('connect', resolve).once('error', reject))
  return socket
}

const pairs = (raw: readonly string[]): Header[] =>
  raw.flatMap((name, index) => (index % 2 === 0 ? [[name, raw[index + 1] ?? ''] as const] : []))

/** A forwarder with nothing but the secrets' part: the rest of what one has to do is not looked at here. */
function forwarder(
  secrets: Secrets,
  host: { name: string; port: number },
  upstream: () => Promise<Duplex>,
): RequestListener {
  return (incoming, response) => {
    void (async () => {
      const { method = '', url = '', rawHeaders } = incoming
      const injected = secrets.injectRequest(host, { method, path: url, headers: pairs(rawHeaders) })
      if ('refused' in injected) return void response.writeHead(403).end(injected.refused.why)
      const socket = await upstream()
      const headers = injected.head.headers.flat()
      const agent = new Agent()
      agent.createConnection = () => socket
      const outgoing = request({ method, path: injected.head.path, headers, agent })
      const answered = new Promise<IncomingMessage>(
        (resolve, reject) => void outgoing.once('response', resolve).once('error', reject),
      )
      const sent = pipeline(incoming, secrets.scanBody(host), outgoing)
      sent.catch(() => response.destroy())
      const from = await answered
      response.writeHead(from.statusCode ?? 0, secrets.redactHeaders(host, pairs(from.rawHeaders)).flat())
      await pipeline(from, secrets.redactBody(host), response)
    })().catch(() => response.destroy())
  }
}

/** Says back everything that it was sent, and keeps it. */
function echo(): { listener: RequestListener; seen: string[] } {
  const seen: string[] = []
  const listener: RequestListener = (incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      seen.push(chunk.toString())
    })
    incoming.on('end', () => {
      const text = `${incoming.method} ${incoming.url}\n${incoming.rawHeaders.join('\n')}\n${Buffer.concat(chunks).toString()}`
      seen.push(text)
      const { authorization = 'none' } = incoming.headers
      response.writeHead(200, { 'x-echo': authorization, 'content-length': Buffer.byteLength(text) })
      // In pieces, so that a value is cut in two somewhere.
      for (let at = 0; at < text.length; at += 7) response.write(text.slice(at, at + 7))
      response.end()
    })
    incoming.on('error', () => undefined)
  }
  return { listener, seen }
}

const held = (host: string, intercepted: boolean): Secrets =>
  new Secrets([toSecret('T', { from: 'env:T', hosts: [host], intercept: intercepted })], new Map([['T', value]]))

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

async function ask(port: number, headers: Record<string, string>, body?: readonly string[]): Promise<Answer> {
  const outgoing = request({
    port,
    host: '127.0.0.1',
    method: body === undefined ? 'GET' : 'POST',
    path: '/x?y=1',
    headers,
  })
  const answered = new Promise<IncomingMessage>(
    (resolve, reject) => void outgoing.once('response', resolve).once('error', reject),
  )
  for (const chunk of body ?? []) await new Promise<void>((resolve) => void outgoing.write(chunk, () => resolve()))
  outgoing.end()
  const from = await answered
  const chunks: Buffer[] = []
  for await (const chunk of from) chunks.push(chunk as Buffer)
  return { status: from.statusCode ?? 0, headers: from.headers, body: Buffer.concat(chunks).toString() }
}

test('over plain HTTP the host gets the value, and the program gets back its placeholder at the length that was told', async () => {
  const { listener, seen } = echo()
  const port = await listening(createHttp(listener))
  const host = { name: 'db.internal', port: 80 }
  const secrets = held('db.internal:80', false)
  const proxy = await listening(createHttp(forwarder(secrets, host, () => connected(port))))
  const placeholder = secrets.environment()['T'] ?? ''
  for (const authorization of [`Bearer ${placeholder}`, undefined]) {
    const { status, headers, body } = await ask(proxy, authorization === undefined ? {} : { authorization })
    assert.equal(status, 200)
    assert.ok(seen.join().includes(`Bearer ${value}`))
    assert.ok(!`${body}${JSON.stringify(headers)}`.includes(value))
    assert.ok(body.includes(placeholder.slice(0, value.length)), body)
    assert.equal(headers['x-echo'], `Bearer ${placeholder.slice(0, value.length)}`)
    assert.equal(Buffer.byteLength(body), Number(headers['content-length']))
  }
})

test('a placeholder in a body for another host ends the request before the host has it, however it is cut', async () => {
  const { listener, seen } = echo()
  const port = await listening(createHttp(listener))
  const secrets = held('db.internal:80', false)
  const proxy = await listening(
    createHttp(forwarder(secrets, { name: 'evil.example', port: 80 }, () => connected(port))),
  )
  const placeholder = secrets.environment()['T'] ?? ''
  const base64 = Buffer.from(`stolen: ${placeholder}`).toString('base64')
  const percent = [...Buffer.from(placeholder)].map((byte) => `%${byte.toString(16)}`).join('')
  for (const body of [
    [placeholder],
    placeholder.split(''),
    [base64.slice(0, 30), base64.slice(30)],
    ['a=1&b=', percent],
  ]) {
    await assert.rejects(ask(proxy, { 'content-type': 'text/plain' }, ['{"harmless": "beginning"}', ...body]))
  }
  const token = placeholder.slice(-32)
  assert.ok(
    !seen.some((each) => each.includes(token.slice(0, 8)) || each.includes(percent.slice(-24))),
    seen.join('\n'),
  )
  assert.equal((await ask(proxy, {}, ['harmless'])).status, 200)
  assert.equal((await ask(proxy, { cookie: placeholder })).status, 403)
})

/** A port that stands for one host of the world's, whose TLS is read; and a directory with what makes programs believe it. */
async function intercepting(
  secrets: Secrets,
): Promise<{ port: number; seen: string[]; trust: ReturnType<typeof trustInside> }> {
  const host = { name: 'api.example.org', port: 443 }
  const { listener, seen } = echo()
  const real = await listening(createHttps(world.leafFor(host.name), listener))
  const authority = createAuthority([host.name], 'gbx-1')
  const http = createHttp()
  const port = await listening(
    createTcp({ allowHalfOpen: true }, (program) => {
      const take = async (): Promise<void> => {
        const opened = await intercept(program, host, { authority, roots, connect: () => connected(real) })
        http.once('request', forwarder(secrets, host, opened.upstream))
        http.emit('connection', opened.program)
      }
      take().catch(() => program.destroy())
    }),
  )
  const directory = mkdtempSync(path.join(root, 'trust-'))
  return { port, seen, trust: trustInside(directory, authority.certificate, [world.certificate]) }
}

test(
  'curl, told by the variables of the sandbox, speaks TLS with a host that gets the value',
  { skip: unlessPresent('CURL', curl) },
  async () => {
    const secrets = held('api.example.org', true)
    const { port, seen, trust } = await intercepting(secrets)
    const placeholder = secrets.environment()['T'] ?? ''
    const inside = trust.env['CURL_CA_BUNDLE']
    // The file that is shown under this name in a sandbox.
    const bundle = trust.mounts.find(({ target }) => target === inside)?.source ?? ''
    const call = (env: NodeJS.ProcessEnv, ...more: string[]) => {
      const to = ['--connect-to', `api.example.org:443:127.0.0.1:${port}`, '--max-time', '20', '-sS']
      const args = [...to, ...more, 'https://api.example.org/x']
      return runTool({ file: 'curl', args, cwd: root, env: { PATH: process.env['PATH'], ...env } })
    }
    const { code, stdout, stderr } = await call(
      { CURL_CA_BUNDLE: bundle },
      '-H',
      `Authorization: Bearer ${placeholder}`,
    )
    assert.equal(code, 0, stderr)
    assert.ok(seen.join().includes(`Bearer ${value}`))
    assert.ok(!stdout.includes(value) && stdout.includes(placeholder.slice(0, value.length)), stdout)
    const basic = await call({ CURL_CA_BUNDLE: bundle }, '-u', `me:${placeholder}`)
    assert.equal(basic.code, 0, basic.stderr)
    assert.ok(seen.join().includes(Buffer.from(`me:${value}`).toString('base64')))
    assert.ok(!basic.stdout.includes(Buffer.from(value).toString('base64').slice(2, -4)), basic.stdout)
    const unbelieving = await call({})
    assert.equal(unbelieving.code, 60, 'outside of the sandbox nobody believes us')
  },
)

test('what is laid into a sandbox is the authority and the roots, readable, and no key', async () => {
  const { trust } = await intercepting(held('api.example.org', true))
  for (const { source, access, exec } of trust.mounts) {
    const text = readFileSync(source, 'utf8')
    assert.deepEqual([access, exec], ['read', false])
    assert.match(text, /-----BEGIN CERTIFICATE-----/)
    assert.doesNotMatch(text, /PRIVATE/)
  }
  const targets = new Set(trust.mounts.map(({ target }) => target))
  for (const [name, file] of Object.entries(trust.env)) assert.ok(targets.has(file), name)
})
