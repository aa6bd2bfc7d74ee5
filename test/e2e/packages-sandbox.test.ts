import assert from 'node:assert/strict'
import { lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { GloveboxError } from '../../src/errors.ts'
import { findPythons, pipDriver } from '../../src/packages/pypi/pythons.ts'
import { resolveCommand } from '../../src/packages/start.ts'
import { runners } from '../support/as-user.ts'
import { start } from '../support/mcp-client.ts'
import { npmRegistry } from '../support/npm-registry.ts'
import { fixtures, packageHome, type PackageHome } from '../support/package-fixtures.ts'
import { pypiIndex } from '../support/pypi-index.ts'
import { unlessPresent } from '../support/requirement.ts'

// npm and pip run in a sandbox that reaches their registries: whoever runs one sends them nowhere else.

const noPip = await findPythons(process.env).then(
  (found) => pipDriver(found) && undefined,
  (error: unknown) => String(error),
)

const install = async (home: PackageHome, line: string, env: NodeJS.ProcessEnv = {}) =>
  resolveCommand(line.split(' '), {
    places: home.places,
    env: { ...home.env, ...env },
    cwd: home.cwd,
    progress: () => undefined,
  })

async function refusal(work: Promise<unknown>): Promise<GloveboxError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof GloveboxError, String(error))
  return error
}

/** What the record of all installers in this home says was refused. */
function refusedPlaces({ places }: PackageHome): string[] {
  const files = readdirSync(places.audit, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.jsonl'),
  )
  const events = files.flatMap((file) => readFileSync(path.join(places.audit, file), 'utf8').split('\n'))
  return events.filter((line) => line.includes('"network.default-deny"'))
}

/** A server of this machine that no registry is, and who has asked it. */
async function stranger(): Promise<{ readonly place: string; readonly asked: string[] } & AsyncDisposable> {
  const asked: string[] = []
  const server = createServer((asking, answer) => {
    asked.push(asking.url ?? '')
    answer.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { place: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked, [Symbol.asyncDispose]: close }
}

test('a registry that says an archive is on another server of this machine does not have it fetched from there', async () => {
  await using other = await stranger()
  const tarball = `http://${other.place}/sent-away.tgz`
  await using registry = await npmRegistry([
    { name: 'sent-away', version: '1.0.0', manifest: { bin: 'x.js' }, tarball },
  ])
  using home = packageHome(registry.url)
  const { code, message, fix } = await refusal(install(home, 'npx sent-away'))
  assert.equal(code, 'REFUSED')
  assert.match(message, new RegExp(`^npm was sent to ${other.place}, and is let to 127\\.0\\.0\\.1:\\d+ alone`))
  assert.match(fix ?? '', new RegExp(`GLOVEBOX_PACKAGE_HOSTS=${other.place}$`))
  assert.deepEqual(other.asked, [])
  assert.ok(refusedPlaces(home).some((line) => line.includes(`"port":${other.place.split(':')[1]}`)))
})

test('nor from where a cloud keeps its keys', async () => {
  const tarball = 'http://169.254.169.254/latest/meta-data/'
  await using registry = await npmRegistry([
    { name: 'sent-away', version: '1.0.0', manifest: { bin: 'x.js' }, tarball },
  ])
  using home = packageHome(registry.url)
  const { code, message } = await refusal(install(home, 'npx sent-away'))
  assert.deepEqual([code, message.slice(0, 39)], ['REFUSED', 'npm was sent to 169.254.169.254:80, and'])
})

test('where a registry keeps its archives elsewhere the user can say so', async () => {
  await using archives = await npmRegistry(fixtures)
  const tarball = `${archives.url}other-server/-/3.0.0.tgz`
  const moved = fixtures.map((each) => (each.name === 'other-server' ? { ...each, tarball } : each))
  await using registry = await npmRegistry(moved)
  using home = packageHome(registry.url)
  const env = { GLOVEBOX_PACKAGE_HOSTS: new URL(archives.url).host }
  assert.equal((await install(home, 'npx other-server', env))?.package?.version, '3.0.0')
  assert.deepEqual(archives.requests, ['other-server/-/3.0.0.tgz'])
})

test('the token of a registry is sent to it, also one that comes from the environment', async () => {
  await using registry = await npmRegistry(fixtures)
  using home = packageHome(registry.url)
  const { host } = new URL(registry.url)
  const file = path.join(home.root, '.npmrc')
  writeFileSync(file, `${readFileSync(file, 'utf8')}//${host}/:_authToken=\${REGISTRY_TOKEN}\n`)
  await install(home, 'npx other-server', { REGISTRY_TOKEN: 'of-the-registry' })
  assert.deepEqual([...registry.authorizations], ['Bearer of-the-registry'])
})

for (const runner of runners()) {
  test(`${runner.name} has a package installed so, and what it keeps is the user’s own`, async () => {
    await using registry = await npmRegistry(fixtures)
    writeFileSync(path.join(runner.home, '.npmrc'), `registry=${registry.url}\n`)
    const { code, stderr } = await start(runner, ['package', 'install', '--', 'npx', 'other-server']).ended
    assert.equal(code, 0, stderr)
    const kept = path.join(runner.home, '.cache', 'glovebox', 'npm')
    const owners = new Set(
      readdirSync(kept, { recursive: true, encoding: 'utf8' }).map((file) => lstatSync(path.join(kept, file)).uid),
    )
    assert.deepEqual([...owners], [runner.uid])
  })
}

test('a registry behind the proxy of this host is reached through it', async () => {
  await using registry = await npmRegistry(fixtures)
  const seen = new Set<string>()
  const proxy = createServer((asking, answer) => {
    const url = new URL(asking.url ?? '')
    seen.add(url.host)
    const headers = { ...asking.headers, host: url.host }
    request(`${registry.url}${url.pathname.slice(1)}`, { headers }, (found) => {
      answer.writeHead(found.statusCode ?? 500, found.headers)
      found.pipe(answer)
    }).end()
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  using home = packageHome('http://registry.invalid/')
  const env = { HTTP_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` }
  assert.equal((await install(home, 'npx other-server', env))?.package?.version, '3.0.0')
  assert.deepEqual([...seen], ['registry.invalid'])
  proxy.closeAllConnections()
  await new Promise((resolve) => proxy.close(resolve))
})

test(
  'an index that links to another server of this machine does not have its files fetched from there',
  { skip: unlessPresent('PIP', noPip) },
  async () => {
    await using other = await stranger()
    await using index = await pypiIndex([
      { name: 'py-away', version: '1.0', scripts: { 'py-away': 'py_away:main' }, base: `http://${other.place}` },
    ])
    using home = packageHome('http://127.0.0.1:9/')
    const { code, message } = await refusal(install(home, 'uvx py-away', { PIP_INDEX_URL: index.url }))
    assert.equal(code, 'REFUSED')
    assert.match(message, new RegExp(`^pip was sent to ${other.place}, and is let to 127\\.0\\.0\\.1:\\d+ alone`))
    assert.deepEqual(other.asked, [])
    assert.ok(refusedPlaces(home).length > 0)
  },
)
