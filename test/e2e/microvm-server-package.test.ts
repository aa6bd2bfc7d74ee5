import assert from 'node:assert/strict'
import { appendFileSync, chmodSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { removeTree } from '../../src/packages/store/staging.ts'
import type { CallReply } from '../../src/protocol/daemon.ts'
import { runners } from '../support/as-user.ts'
import { eventually } from '../support/eventually.ts'
import { giveImage, testImage } from '../support/image.ts'
import { configure, household, type Household } from '../support/launching.ts'
import { whyNoMachines } from '../support/machines.ts'
import { connect, glovebox } from '../support/mcp-client.ts'
import { npmRegistry, type FixturePackage, type Registry } from '../support/npm-registry.ts'
import { unlessPresent } from '../support/requirement.ts'
import { runApart } from '../support/run-apart.ts'

// SNAPSHOT, level `server`, of servers that are packages of the store; and with pools and calls in sandboxes of their own.
const missing = unlessPresent('QEMU', whyNoMachines())

const npx = ['npx', '-y', '@fixture/apart']
const initialize = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
const input = `${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize })}\n`

/** A server of the fixtures as a package that tells its own version. */
function version(number: string): FixturePackage {
  const server = readFileSync(path.join(import.meta.dirname, '../fixtures/apart-server.mjs'), 'utf8')
  const files = { 'cli.js': `#!/usr/bin/env node\n${server.replace("'1.0.0'", `'${number}'`)}` }
  return { name: '@fixture/apart', version: number, manifest: { type: 'module', bin: './cli.js' }, files }
}

/** A household that has an image, and npm's packages from this registry. */
async function householdOf(t: TestContext, registry: Registry): Promise<Household> {
  const [runner] = runners()
  assert.ok(runner)
  const npmrc = path.join(runner.home, '.npmrc')
  writeFileSync(npmrc, `registry=${registry.url}\ncache=${path.join(runner.home, 'npm-cache')}\n`)
  const house = household(t, runner, { PATH: process.env['PATH'] ?? '' })
  // What the household removes at last has directories that nobody may write to.
  t.after(() => removeTree(path.join(house.home, 'data/store')))
  giveImage(await testImage(), runner, path.join(house.home, 'data'))
  return house
}

const isMade = /starting the server in a virtual machine to clone from/g
const made = (stderr: string): number => stderr.match(isMade)?.length ?? 0

test('a package in a template', { skip: missing }, async (t) => {
  await using registry = await npmRegistry([version('1.0.0')])
  const house = await householdOf(t, registry)
  /** While the registry, which is ours, goes on. */
  const apart = async (...words: string[]): Promise<void> => {
    const { code, stdout, stderr } = await runApart(words, { env: house.env, cwd: house.home })
    assert.equal(code, 0, stdout + stderr)
  }
  await apart('add', 'apart', '--scope', 'user', '--', ...npx)
  const [command = '', ...args] = npx
  const sandbox = { driver: 'microvm', template: 'server' }
  configure(house, { apart: { command, args, sandbox } })
  const run = (): { version: string; stderr: string } => {
    const { stdout, stderr, status } = house.verb({ input }, 'run', 'apart')
    assert.equal(status, 0, stderr)
    const { result } = JSON.parse(stdout) as { result: { serverInfo: { version: string } } }
    return { version: result.serverInfo.version, stderr }
  }
  const keys = (): string[] => {
    const { templates } = JSON.parse(house.ok('template', 'list', '--json')) as {
      templates: { key: string; level: string }[]
    }
    assert.ok(templates.every(({ level }) => level === 'server'))
    return templates.map(({ key }) => key).toSorted()
  }

  const first = run()
  const before = keys()

  await t.test('is started once, and goes on in each clone, by `run`, `launch` and `call`', () => {
    assert.deepEqual([first.version, made(first.stderr), before.length], ['1.0.0', 1, 1])
    const second = run()
    assert.deepEqual([second.version, made(second.stderr)], ['1.0.0', 0])
    house.launch('apart')
    const shared = house.json('call', '--timeout', '300s', 'apart', 'count') as CallReply
    assert.deepEqual([textOf(shared), shared.fresh], ['1', false])
    house.ok('stop', 'apart')
    const own = house.json('call', '--timeout', '300s', 'apart', 'count') as CallReply
    assert.deepEqual([textOf(own), own.fresh], ['1', true])
    assert.deepEqual(keys(), before)
  })

  await t.test('has another template when it was updated', async () => {
    registry.add(version('1.1.0'))
    await apart('package', 'update', '--yes', '--no-tools')
    const updated = run()
    assert.deepEqual([updated.version, made(updated.stderr)], ['1.1.0', 1])
    const now = keys()
    assert.equal(now.length, 2)
    assert.ok(before.every((key) => now.includes(key)))
  })

  await t.test('does not go on from its template when it is not what was installed', () => {
    const installed = globSync(path.join(house.home, 'data/store/packages/*/tree/**/apart/cli.js'))
    assert.equal(installed.length, 2)
    for (const cli of installed) {
      chmodSync(cli, 0o644)
      appendFileSync(cli, '\n')
    }
    const { status, stdout, stderr } = house.verb({ input }, 'run', 'apart')
    assert.deepEqual([status, stdout], [4, ''])
    assert.match(stderr, /is not what was installed; nothing of it was started/)
  })
})

test('pools and calls in sandboxes of their own, from templates', { skip: missing }, async (t) => {
  await using registry = await npmRegistry([version('1.0.0')])
  const house = await householdOf(t, registry)
  const { code, stderr } = await runApart(['package', 'install', '--', ...npx], { env: house.env, cwd: house.home })
  assert.equal(code, 0, stderr)
  const [command = '', ...args] = npx
  const sandbox = { driver: 'microvm', template: 'server' }
  const each = { tools: { each: { count: { limits: { openFiles: 77 } } } } }
  configure(house, {
    pooled: { command, args, sandbox: { ...sandbox, lifetime: 'call', pool: 1 } },
    listed: { command, args, sandbox: { ...sandbox, ...each } },
  })

  await t.test('a pool hands each clone out once, and fills itself again', async () => {
    house.launch('pooled')
    const waiting = async (): Promise<string> =>
      eventually(() => (house.status().servers[0]?.pool.ready === 1 ? house.status().sandboxes[0]?.id : undefined))
    const first = await waiting()
    const reply = house.json('call', '--timeout', '300s', 'pooled', 'count') as CallReply
    assert.deepEqual([reply.sandbox, textOf(reply)], [first, '1'])
    const next = await waiting()
    assert.notEqual(next, first)
    const again = house.json('call', '--timeout', '300s', 'pooled', 'count') as CallReply
    assert.deepEqual([again.sandbox, textOf(again)], [next, '1'])
    house.ok('stop', 'pooled')
  })

  await t.test('a listed tool has a template with limits of its own, and a clone of that for each call', async () => {
    const words = glovebox(house.runner, ['run', 'listed'])
    const { client, close, stderr } = await connect({ ...house.runner, env: house.env }, words)
    t.after(close)
    const count = async (): Promise<string> => textOf({ result: await client.callTool({ name: 'count' }) })
    assert.deepEqual([await count(), await count()], ['1', '1'])
    await close()
    // That of the shared sandbox is the pool's, whose plan is the same.
    assert.equal(made(stderr()), 1, stderr())
    const { templates } = JSON.parse(house.ok('template', 'list', '--json')) as { templates: object[] }
    assert.equal(templates.length, 2)
  })
})

function textOf({ result }: { readonly result?: unknown }): string {
  const { content } = result as { content: readonly { text?: string }[] }
  return content[0]?.text ?? ''
}
