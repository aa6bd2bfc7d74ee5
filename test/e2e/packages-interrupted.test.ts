import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readdirSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { listRunning } from '../../src/runtime/running/list.ts'
import { storeIn } from '../../src/packages/store/store.ts'
import { npmRegistry, type Registry } from '../support/npm-registry.ts'
import { fixtures, packageHome } from '../support/package-fixtures.ts'
import { runApart } from '../support/run-apart.ts'

/** Passes on what is asked, but for `/shared-lib`, which nobody ever gets: then dependencies are being resolved. */
async function stalling(registry: Registry): Promise<AsyncDisposable & { url: string; stalled: Promise<unknown> }> {
  const stalled = Promise.withResolvers<void>()
  const server = createServer((asked, answer) => {
    if (asked.url === '/shared-lib') return stalled.resolve()
    const headers = { host: asked.headers.host }
    request(`${registry.url.slice(0, -1)}${asked.url}`, { headers }, (found) => {
      answer.writeHead(found.statusCode ?? 500, { 'content-type': found.headers['content-type'] ?? 'application/x' })
      found.pipe(answer)
    }).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    stalled: stalled.promise,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  for (const words of [
    ['run', '--', 'npx', 'other-server'],
    ['package', 'install', '--', 'npx', 'other-server'],
  ]) {
    test(`nothing is left of an install that is ended by ${signal}: ${words[0]}`, async () => {
      await using registry = await npmRegistry(fixtures)
      await using front = await stalling(registry)
      using home = packageHome(front.url)
      const temporary = path.join(home.root, 'tmp')
      mkdirSync(temporary)
      const env = { ...home.env, TMPDIR: temporary }
      const ended = await runApart(words, {
        env,
        cwd: home.cwd,
        started: (child) => void front.stalled.then(() => child.kill(signal)),
      })
      assert.equal(ended.code, code, ended.stderr)
      // Node's own cache of what it has compiled is for whoever starts npm next.
      assert.deepEqual(
        readdirSync(temporary).filter((name) => name !== 'node-compile-cache'),
        [],
      )
      assert.deepEqual(readdirSync(storeIn(home.places.data).staging), [])
      assert.deepEqual(listRunning(home.places), [])
    })
  }
}
