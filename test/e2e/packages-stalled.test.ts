import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer, request } from 'node:http'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { GloveboxError } from '../../src/errors.ts'
import { findPythons, pipDriver } from '../../src/packages/pypi/pythons.ts'
import { resolveCommand } from '../../src/packages/start.ts'
import { removeTree } from '../../src/packages/store/staging.ts'
import { storeIn } from '../../src/packages/store/store.ts'
import { npmRegistry } from '../support/npm-registry.ts'
import { fixtures, packageHome, type PackageHome } from '../support/package-fixtures.ts'
import { unlessPresent } from '../support/requirement.ts'

const noPip = await findPythons(process.env).then(
  (found) => pipDriver(found) && undefined,
  (error: unknown) => String(error),
)

interface Silent extends AsyncDisposable {
  readonly url: string
  /** When the first connection was there, on the clock of `performance.now()`. */
  readonly since: () => number
}

/** Takes every connection, reads what it is asked, and never says a word. */
async function mute(): Promise<Silent> {
  let since: number | undefined
  const server = createServer((socket) => {
    since ??= performance.now()
    socket.on('error', () => socket.destroy()).resume()
  })
  return {
    url: await listening(server),
    since() {
      assert.ok(since !== undefined, 'nobody connected')
      return since
    },
    [Symbol.asyncDispose]: async () => closed(server),
  }
}

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** Whoever was connected has been killed: its end of the socket is closed. */
async function closed(server: Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve))
}

const start = async (home: PackageHome, line: string, env: NodeJS.ProcessEnv = {}) =>
  resolveCommand(line.split(' '), {
    places: home.places,
    env: { ...home.env, ...env },
    cwd: home.cwd,
    progress: () => undefined,
  })

/** How long the interpreters take before that is the machine's matter. */
async function refusedWithin(ms: number, silent: Silent, work: () => Promise<unknown>): Promise<GloveboxError> {
  const error: unknown = await work().then(
    () => undefined,
    (reason: unknown) => reason,
  )
  const took = performance.now() - silent.since()
  assert.ok(error instanceof GloveboxError && error.fix !== undefined, String(error))
  assert.ok(took < ms, `it took ${took} ms`)
  return error
}

test('a registry that takes connections and says nothing is given up within 5 s, by its name', async () => {
  await using silent = await mute()
  using home = packageHome(silent.url)
  const { message } = await refusedWithin(5000, silent, async () => start(home, 'npx other-server'))
  assert.equal(message, `${silent.url} cannot be reached (no answer in 3.5 s), and the package is not installed`)
})

test(
  'an index that takes connections and says nothing is given up within 5 s, by its name',
  { skip: unlessPresent('PIP', noPip) },
  async () => {
    await using silent = await mute()
    using home = packageHome('http://127.0.0.1:9/')
    const env = { PIP_INDEX_URL: `${silent.url}simple/` }
    const { message } = await refusedWithin(5000, silent, async () => start(home, 'uvx py-server', env))
    assert.match(message, /^http:\/\/127\.0\.0\.1:\d+\/simple\/ cannot be reached \(no answer in 3\.5 s\)/)
  },
)

test('so is one that is needed only for what was pinned before and is gone from the store', async () => {
  const registry = await npmRegistry(fixtures)
  using home = packageHome(registry.url)
  await start(home, 'npx other-server')
  await registry[Symbol.asyncDispose]()
  removeTree(storeIn(home.places.data).packages)
  await using silent = await mute()
  const cache = path.join(home.root, 'another-cache')
  writeFileSync(path.join(home.root, '.npmrc'), `registry=${silent.url}\ncache=${cache}\n`)
  const { message } = await refusedWithin(5000, silent, async () => start(home, 'npx other-server'))
  assert.match(message, /cannot be reached \(no answer in 3\.5 s\)/)
})

test('a proxy that takes connections and says nothing is found out like a registry', async () => {
  await using silent = await mute()
  using home = packageHome('https://registry.invalid/')
  const env = { HTTPS_PROXY: silent.url }
  const { message } = await refusedWithin(5000, silent, async () => start(home, 'npx other-server', env))
  assert.match(message, /^https:\/\/registry\.invalid\/ cannot be reached \(no answer in 3\.5 s\)/)
})

test('a registry that is slow, and goes on, is waited for', async () => {
  await using registry = await npmRegistry(fixtures)
  let slowest = 0
  const slow = createHttpServer((asked, answer) => {
    request(`${registry.url.slice(0, -1)}${asked.url}`, { headers: { host: asked.headers.host } }, (found) => {
      const chunks: Buffer[] = []
      found.on('data', (chunk: Buffer) => chunks.push(chunk))
      found.once('end', () => {
        answer.writeHead(found.statusCode ?? 500, { 'content-type': found.headers['content-type'] ?? 'application/x' })
        trickle(Buffer.concat(chunks), asked.url === '/other-server' ? 6000 : 0)
      })
    }).end()
    const trickle = (bytes: Buffer, ms: number): void => {
      const [steps, begun] = [ms === 0 ? 1 : 20, performance.now()]
      const size = Math.ceil(bytes.length / steps)
      const next = (at: number): void => {
        answer.write(bytes.subarray(at, at + size))
        if (at + size < bytes.length) return void setTimeout(next, ms / steps, at + size)
        slowest = Math.max(slowest, performance.now() - begun)
        answer.end()
      }
      next(0)
    }
  })
  const url = await listening(slow)
  using home = packageHome(url)
  assert.equal((await start(home, 'npx other-server'))?.package?.version, '3.0.0')
  assert.ok(slowest > 5000, `it was never slower than ${slowest} ms`)
  slow.closeAllConnections()
  await closed(slow)
})
