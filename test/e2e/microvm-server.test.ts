import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { runners } from '../support/as-user.ts'
import { examplesOf } from '../support/docs/pages.ts'
import { giveImage, testImage } from '../support/image.ts'
import { configure, household } from '../support/launching.ts'
import { whyNoMachines } from '../support/machines.ts'
import { unlessPresent } from '../support/requirement.ts'

// SNAPSHOT, level `server`: what clones of one template have in common, and what they must not.
const missing = unlessPresent('QEMU', whyNoMachines())

interface Drawn {
  readonly openssl: string
  readonly math: number
  readonly kernel: string
  readonly uts: string
  readonly hostname: string
  readonly hosts: string
  readonly machineId: string
  readonly bootId: string
  readonly nowMs: number
}

interface Configuration {
  readonly mcpServers: { readonly everything: { readonly sandbox: object } }
}

interface Called {
  readonly result: { readonly content: readonly [{ readonly text: string }] }
}

const initialize = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
const conversation = [
  { jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize },
  { jsonrpc: '2.0', method: 'notifications/initialized' },
  { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'draw', arguments: {} } },
]
const input = conversation.map((message) => `${JSON.stringify(message)}\n`).join('')

/** As docs/microvm.md has it, around a server that tells what it drew. */
function sandboxOfTheDocs(): object {
  const example = examplesOf('docs/microvm.md').find(({ body }) => body.includes('"template": "server"'))
  const { mcpServers } = JSON.parse(example?.body ?? '{}') as Configuration
  return mcpServers.everything.sandbox
}

test('a server in a template', { skip: missing }, async (t) => {
  const [runner] = runners()
  assert.ok(runner)
  const house = household(t, runner)
  giveImage(await testImage(), runner, path.join(house.home, 'data'))
  const directory = path.join(house.home, 'servers')
  mkdirSync(directory)
  const server = path.join(directory, 'random-server.mjs')
  copyFileSync(path.join(runner.root, 'test/fixtures/random-server.mjs'), server)
  const sandbox = sandboxOfTheDocs()
  const restless = path.join(directory, 'restless-server.mjs')
  copyFileSync(path.join(runner.root, 'test/fixtures/restless-server.mjs'), restless)
  configure(house, {
    restless: { command: runner.node, args: [restless], sandbox },
    random: { command: runner.node, args: [server], sandbox },
    talkative: { command: runner.node, args: [server, 'hello'], sandbox },
    secretive: { command: runner.node, args: [server], env: { API_TOKEN: 'x' }, sandbox },
  })
  const receipt = path.join(house.home, 'receipt.json')
  const isMade = /starting the server in a virtual machine to clone from/
  const run = (): { drawn: Drawn; stderr: string } => {
    const { stdout, stderr, status } = house.verb({ input }, 'run', '--receipt', receipt, 'random')
    assert.equal(status, 0, stderr)
    const [first, second, ...more] = stdout.trim().split('\n')
    assert.deepEqual([JSON.parse(first ?? '').id, more], [1, []])
    const { result } = JSON.parse(second ?? '') as Called
    return { drawn: JSON.parse(result.content[0].text) as Drawn, stderr }
  }
  /** One that takes its time to answer. */
  const toldByClone = (name: string): Readonly<Record<string, readonly string[]>> => {
    house.launch(name)
    const { result } = house.json('call', '--timeout', '300s', name, 'tell') as Called
    house.ok('stop', name)
    return JSON.parse(result.content[0].text) as Readonly<Record<string, readonly string[]>>
  }
  const fromMs = Date.now()
  const first = run()

  await t.test('is started once, and its clones tell what it has logged', () => {
    assert.match(first.stderr, isMade)
    assert.match(first.stderr, /drawn at/)
  })

  const second = run()
  house.launch('random')
  const called = house.json('call', '--timeout', '300s', 'random', 'draw') as Called
  house.ok('stop', 'random')
  const all = [first.drawn, second.drawn, JSON.parse(called.result.content[0].text) as Drawn]
  const of = <K extends keyof Drawn>(key: K): Set<Drawn[K]> => new Set(all.map((drawn) => drawn[key]))

  await t.test('goes on in each clone, by `run` and by `launch`', () => {
    assert.doesNotMatch(second.stderr, isMade)
    assert.match(second.stderr, /drawn at/)
    const { templates } = JSON.parse(house.ok('template', 'list', '--json')) as { templates: { level: string }[] }
    assert.deepEqual(
      templates.map(({ level }) => level),
      ['server'],
    )
  })

  await t.test('draws the same numbers in each clone, where it draws them by itself: the caveat', () => {
    assert.equal(of('openssl').size, 1)
    assert.equal(of('math').size, 1)
    const { enforcements } = JSON.parse(readFileSync(receipt, 'utf8')) as {
      enforcements: { control: string; unchecked?: string }[]
    }
    const kernel = enforcements.find(({ control }) => control === 'kernel')
    assert.match(kernel?.unchecked ?? '', /drawn at random by then is the same in all clones/)
  })

  await t.test('has a kernel of its own in each clone, and names, and the time', () => {
    for (const key of ['kernel', 'uts', 'hostname', 'hosts', 'machineId', 'bootId'] as const) {
      assert.equal(of(key).size, all.length, `${key}: ${[...of(key)].join(', ')}`)
    }
    for (const drawn of all) {
      assert.equal(drawn.hostname, drawn.uts)
      assert.ok(drawn.hosts.includes(drawn.uts))
      assert.match(drawn.machineId, /^[0-9a-f]{32}$/)
      assert.match(drawn.bootId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      assert.ok(drawn.nowMs >= fromMs && drawn.nowMs <= Date.now() + 1000, String(drawn.nowMs))
    }
  })

  await t.test('has nothing of it run between the template and a clone of its own, whatever it is at', () => {
    const [one, other] = [toldByClone('restless'), toldByClone('restless')]
    assert.deepEqual(Object.keys(one).toSorted(), ['notes-child', 'notes-thread-1', 'notes-thread-2', 'notes-timer'])
    const ofTemplate = (lines: readonly string[] = []): string[] => lines.filter((line) => line.endsWith(' server'))
    // What was drawn in the template may be noted in the clone, once.
    const ofClone = (lines: readonly string[] = []): string[] =>
      lines.slice(ofTemplate(lines).length + 1).map((line) => line.split(' ')[0] ?? '')
    for (const [writer, lines] of Object.entries(one)) {
      const others = other[writer]
      assert.ok(ofTemplate(lines).length > 5)
      assert.deepEqual(ofTemplate(others), ofTemplate(lines), `${writer}: all that ran under the template's name`)
      const drawn = new Set(ofClone(lines))
      assert.ok(drawn.size > 3)
      assert.deepEqual(
        ofClone(others).filter((number) => drawn.has(number)),
        [],
        `${writer}: numbers of the kernel`,
      )
    }
  })

  await t.test('is refused with what must not be on the disk', () => {
    const { status, stderr } = house.verb({ input }, 'run', 'secretive')
    assert.equal(status, 3, stderr)
    assert.match(stderr, /template "server" and env\.API_TOKEN do not go together/)
    assert.doesNotMatch(stderr, isMade)
  })

  await t.test('is refused when it speaks unasked, and no template is left of it', () => {
    const { status, stderr } = house.verb({ input }, 'run', 'talkative')
    assert.equal(status, 3, stderr)
    assert.match(stderr, /template "server": what it says first is no message/)
    const { templates } = JSON.parse(house.ok('template', 'list', '--json')) as { templates: object[] }
    assert.equal(templates.length, 2)
  })
})
