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
import { within } from '../support/timed.ts'

const noPip = await findPythons(process.env).then(
  (found) => pipDriver(found) && undefined,
  (error: unknown) => String(error),
)

interface Silent extends AsyncDisposable {
  readonly url: string
  readonly connections: () => number
}

/** Takes every connection, reads what it is asked, and never says a word. */
async function mute(onFirst: () => void): Promise<Silent> {
  let connections = 0
  const server = createServer((socket) => {
    if (++connections === 1) onFirst()
    socket.on('error', () => socket.destroy()).resume()
  })
  return {
    url: await listening(server),
    connections: () => connections,
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

/**
 * What is said of a server that says nothing, in time from its first connection on. How long the interpreters take before that is the
 * machine's matter. Each try has a server of its own.
 */
async function refusedWithin(
  ms: number,
  work: (url: string) => Promise<unknown>,
): Promise<{ url: string; message: string }> {
  // Until whoever was connected is gone altogether is no part of the time.
  await using servers = new AsyncDisposableStack()
  return await within(ms, async (begin) => {
    const silent = servers.use(await mute(begin))
    const error: unknown = await work(silent.url).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    assert.ok(error instanceof GloveboxError && error.fix !== undefined, String(error))
    assert.ok(silent.connections() > 0, 'nobody connected')
    return { url: silent.url, message: error.message }
  })
}

test('a registry that takes connections and says nothing is given up within 5 s, by its name', async () => {
  const { url, message } = await refusedWithin(5000, async (silent) => {
    using home = packageHome(silent)
    return await start(home, 'npx other-server')
  })
  assert.equal(message, `${url} cannot be reached (no answer in 3.5 s), and the package is not installed`)
})

test(
  'an index that takes connections and says nothing is given up within 5 s, by its name',
  { skip: unlessPresent('PIP', noPip) },
  async () => {
    const { message } = await refusedWithin(5000, async (silent) => {
      using home = packageHome('http://127.0.0.1:9/')
      return await start(home, 'uvx py-server', { PIP_INDEX_URL: `${silent}simple/` })
    })
    assert.match(message, /^http:\/\/127\.0\.0\.1:\d+\/simple\/ cannot be reached \(no answer in 3\.5 s\)/)
  },
)

test('so is one that is needed only for what was pinned before and is gone from the store', async () => {
  const registry = await npmRegistry(fixtures)
  using home = packageHome(registry.url)
  await start(home, 'npx other-server')
  await registry[Symbol.asyncDispose]()
  removeTree(storeIn(home.places.data).packages)
  const cache = path.join(home.root, 'another-cache')
  const { message } = await refusedWithin(5000, async (silent) => {
    writeFileSync(path.join(home.root, '.npmrc'), `registry=${silent}\ncache=${cache}\n`)
    return start(home, 'npx other-server')
  })
  assert.match(message, /cannot be reached \(no answer in 3\.5 s\)/)
})

test('a proxy that takes connections and says nothing is found out like a registry', async () => {
  const { message } = await refusedWithin(5000, async (silent) => {
    using home = packageHome('https://registry.invalid/')
    return await start(home, 'npx other-server', { HTTPS_PROXY: silent })
  })
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
