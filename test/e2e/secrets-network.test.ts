import assert from 'node:assert/strict'
import { chownSync, writeFileSync } from 'node:fs'
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { createAuthority } from '../../src/egress/tls/authority.ts'
import { runCommand } from '../../src/system/run-command.ts'
import { runners, type Runner } from '../support/as-user.ts'
import { bytesUnlessGone, filesBelow } from '../support/files-below.ts'
import { start, type Ended } from '../support/mcp-client.ts'
import { nameServer } from '../support/name-server.ts'
import { unlessPresent } from '../support/requirement.ts'

/** Real servers of this machine, by names that only the test's own name server knows. */
const value = `s3same-${process.pid}-of+the/network`
const world = createAuthority(['example.org'], 'world')
const seen: string[] = []
const servers: Server[] = []
let names: Awaited<ReturnType<typeof nameServer>>
let [http, https] = [0, 0]

function echo(incoming: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = []
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  incoming.on('end', () => {
    const text = `${incoming.method} ${incoming.url}\n${incoming.rawHeaders.join('\n')}\n${Buffer.concat(chunks).toString()}`
    seen.push(text)
    response.writeHead(200, {
      'content-length': Buffer.byteLength(text),
      'x-echo': incoming.headers.authorization ?? '',
    })
    response.end(text)
  })
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  servers.push(server)
  return (server.address() as AddressInfo).port
}

before(async () => {
  names = await nameServer(['api.example.org', 'other.example.org'])
  http = await listening(createHttp(echo))
  https = await listening(createHttps(world.leafFor('api.example.org'), echo))
})
after(() => {
  names.close()
  for (const server of servers) server.close()
})

const missing = await runCommand('curl', ['--version']).then(
  () => undefined,
  () => 'there is no curl',
)

for (const runner of runners()) {
  const as = ` (${runner.name})`
  const options = { skip: unlessPresent('CURL', missing), timeout: 60_000 }

  /** curl in a sandbox that has the secret, for whom `T` stands in its arguments. */
  const curl = async (place: string, ...words: string[]): Promise<Ended & { text: string }> => {
    const roots = put(runner, 'world.pem', world.certificate)
    const env = { ...runner.env, GIVEN: value, NODE_EXTRA_CA_CERTS: roots }
    const isTls = words.some((word) => word.startsWith('https:'))
    const hosts = `api.example.org:${isTls ? `${https},intercept=true` : http}${place}`
    const flags = [
      '--allow-net',
      `api.example.org:${http},${https},other.example.org:${http}`,
      '--allow-private',
      '127.0.0.0/8',
      '--resolver',
      `127.0.0.1:${names.port}`,
      '--secret',
      `T=env:GIVEN@${hosts}`,
    ]
    const script = `curl -sS --max-time 20 ${words.join(' ')}`
    const from = {
      ...runner,
      spawn: (...[program, args, more]: Parameters<Runner['spawn']>) => runner.spawn(program, args, { ...more, env }),
    }
    const ended = await start(from, ['exec', ...flags, '--', 'sh', '-c', script]).ended
    return { ...ended, text: `${ended.stdout}${ended.stderr}` }
  }

  test(`a secret whose TLS is read is not said without TLS on a port of its own${as}`, options, async () => {
    seen.length = 0
    const said = `-H "Authorization: Bearer $T" http://api.example.org:${http}/`
    const { text } = await curl(',intercept=true', "--noproxy '*'", said)
    assert.deepEqual(seen, [])
    assert.match(text, /was sent to api\.example\.org:\d+ without TLS/)
  })

  for (const [way, more] of [
    ['without a proxy', "--noproxy '*'"],
    ['through the proxy of the sandbox', ''],
  ] as const) {
    for (const scheme of ['http', 'https'] as const) {
      test(`${scheme} ${way}: the host has the value, the sandbox has the placeholder${as}`, options, async () => {
        seen.length = 0
        const url = `${scheme}://api.example.org:${scheme === 'http' ? http : https}/x`
        const { code, text } = await curl('', more, '-i', '-H', '"Authorization: Bearer $T"', '-d', '"hello"', url)
        assert.equal(code, 0, text)
        assert.ok(seen.join().includes(`Bearer ${value}`), seen.join())
        assert.match(text, /x-echo: Bearer glovebox-secret-T-/i)
        assert.ok(!text.includes(value), text)
        assert.match(text, /hello$/)
      })

      test(`${scheme} ${way}: a request without it is given it, in the query${as}`, options, async () => {
        seen.length = 0
        const { code, text } = await curl(
          ',query=key',
          more,
          `${scheme}://api.example.org:${scheme === 'http' ? http : https}/x?a=1`,
        )
        assert.equal(code, 0, text)
        assert.ok(seen.join().includes(`/x?a=1&key=${encodeURIComponent(value)}`), seen.join())
        assert.ok(!text.includes(value) && !text.includes(encodeURIComponent(value)), text)
      })
    }

    test(`${way}: a placeholder for another host goes nowhere, in a header or a body${as}`, options, async () => {
      for (const words of [
        ['-H', '"X: $T"'],
        ['-d', '"data=$T"'],
        ['-u', '"me:$T"'],
      ]) {
        seen.length = 0
        const { text } = await curl('', more, '-i', ...words, `http://other.example.org:${http}/`)
        assert.match(text, /403[^]*secrets\.T/)
        assert.deepEqual(seen, [])
      }
    })
  }

  test(`what was refused is in the record, and the value is in no file${as}`, options, () => {
    const texts = filesBelow(runner.home).flatMap((file) => bytesUnlessGone(file) ?? [])
    assert.ok(texts.some((text) => text.includes('the placeholder of the secret T was sent to other.example.org')))
    assert.ok(
      texts.some((text) => text.includes('the placeholder of the secret T was in a body for other.example.org')),
    )
    assert.ok(!texts.some((text) => text.includes(value)))
  })
}

function put(runner: Runner, name: string, text: string): string {
  const file = path.join(runner.home, name)
  writeFileSync(file, text)
  chownSync(file, runner.uid, runner.gid)
  return file
}
