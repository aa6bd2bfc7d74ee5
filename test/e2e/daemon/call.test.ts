import assert from 'node:assert/strict'
import { chownSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { CallReply } from '../../../src/protocol/daemon.ts'
import { usualRunners } from '../../support/as-user.ts'
import { eventually } from '../../support/eventually.ts'
import { configure, everything, household, moody, tiny } from '../../support/launching.ts'

for (const runner of usualRunners()) {
  test(`CALL: a tool is called in the launched server, and without one in a sandbox that is gone afterwards (${runner.name})`, (t) => {
    const house = household(t, runner)
    const [command = '', ...args] = moody(runner)
    configure(house, { moody: { command, args } })
    const once = house.json('call', 'moody', 'count') as CallReply
    assert.deepEqual([once.fresh, textIn(once)], [true, '1'])
    assert.deepEqual(house.status().sandboxes, [], 'nothing of it is left')
    const { id } = house.launch('moody')
    for (const wanted of ['1', '2', '3']) assert.equal(house.ok('call', 'moody', 'count'), `${wanted}\n`)
    const own = house.json('call', 'moody', 'count') as CallReply
    assert.deepEqual([own.fresh, own.sandbox], [false, id])
    assert.equal(house.status().servers[0]?.calls, 4)
  })

  test(`arguments come from the command line, a file or stdin, and a result is text or all of it (${runner.name})`, (t) => {
    const house = household(t, runner)
    house.ok('launch', '--name', 'ev', '--', ...everything(runner))
    assert.equal(house.ok('call', 'ev', 'echo', '{"message": "by word"}'), 'Echo: by word\n')
    const file = path.join(house.home, 'arguments.json')
    writeFileSync(file, '{"message": "by file"}')
    chownSync(file, runner.uid, runner.gid)
    assert.equal(house.ok('call', 'ev', 'echo', `@${file}`), 'Echo: by file\n')
    assert.equal(house.verb({ input: '{"message": "by pipe"}' }, 'call', 'ev', 'echo', '-').stdout, 'Echo: by pipe\n')
    const wrong = house.verb('call', 'ev', 'echo', '[1]')
    assert.equal(wrong.status, 2, wrong.stderr)
    assert.equal(house.ok('status', '--names'), 'ev\n')
    assert.match(house.ok('tools', 'ev'), /^echo +message +Echoes/m)
    assert.match(house.ok('tools', 'ev', '--launched', '--names'), /^echo\n/m)
    const { tools } = house.json('tools', 'ev') as { tools: { name: string; inputSchema: object }[] }
    assert.ok(tools.some(({ name, inputSchema }) => name === 'get-sum' && typeof inputSchema === 'object'))
  })

  test(`tools of a launched server only are not worth a start (${runner.name})`, (t) => {
    const house = household(t, runner)
    const [command = '', ...args] = tiny(runner)
    configure(house, { files: { command, args } })
    const none = house.verb('tools', 'files', '--launched', '--names')
    assert.equal(none.status, 2)
    assert.match(none.stderr, /no server "files" is launched\n {2}fix: .* without --launched files is started for it/)
    assert.equal(existsSync(path.join(house.home, 'state/audit')), false, 'nothing was started')
    assert.equal(house.ok('tools', 'files', '--names'), 'nothing\n')
  })

  test(`a server that did not start, or has ended, is told with where its words are (${runner.name})`, async (t) => {
    const house = household(t, runner)
    const failed = house.verb('launch', '--name', 'dies', '--', 'sh', '-c', 'echo why >&2; exit 3')
    assert.equal(failed.status, 125, failed.stderr)
    assert.match(failed.stderr, /the server "dies" ended with exit code 3\n {2}fix: what it wrote: glovebox logs dies;/)
    assert.equal(house.ok('logs', 'dies'), 'why\n')
    house.ok('launch', '--name', 'idles', '--idle', '1s', '--', ...moody(runner))
    await eventually(() => (house.status().servers.length === 0 ? true : undefined))
    const late = house.verb('call', 'idles', 'count')
    assert.equal(late.status, 127, late.stderr)
    assert.match(
      late.stderr,
      /the server "idles" was launched, and has ended\n {2}fix: what it wrote: glovebox logs idles/,
    )
  })

  test(`a sandbox that was there for one call is recorded as done with, and not as failed (${runner.name})`, (t) => {
    const house = household(t, runner)
    const file = path.join(house.home, 'servers.json')
    const [command, ...args] = moody(runner)
    writeFileSync(file, JSON.stringify({ mcpServers: { moody: { command, args } } }))
    chownSync(file, runner.uid, runner.gid)
    assert.equal(house.ok('call', '--config', file, 'moody', 'count'), '1\n')
    const stops = house.ok('audit', 'query', '--kind', 'stop')
    assert.match(stops, /stopped: not needed any more/)
    assert.doesNotMatch(stops, /failed/)
  })

  test(`what a tool says is wrong is exit code 5, and what takes too long 124 (${runner.name})`, (t) => {
    const house = household(t, runner)
    house.ok('launch', '--name', 'moody', '--', ...moody(runner))
    const failed = house.verb('call', 'moody', 'fail')
    assert.deepEqual([failed.status, failed.stdout], [5, 'this went wrong\n'])
    const late = house.verb('call', 'moody', 'wait', '--timeout', '300ms')
    assert.equal(late.status, 124, late.stderr)
    assert.equal(house.ok('call', 'moody', 'count'), '1\n', 'the server goes on')
  })

  test(`the time of a call is that of its start too, here and in a launched server (${runner.name})`, (t) => {
    const house = household(t, runner)
    const marks = mkdtempSync(path.join(runner.tmp, 'marks-'))
    chownSync(marks, runner.uid, runner.gid)
    const once = `if mkdir ${marks}/once 2>/dev/null; then exec "$@"; else exec sleep 600; fi`
    const server = ['sh', '-c', once, 'sh', ...moody(runner)]
    house.ok('launch', '--name', 'shy', '--lifetime', 'call', '--read', runner.root, '--write', marks, '--', ...server)
    const file = path.join(house.home, 'servers.json')
    writeFileSync(file, JSON.stringify({ mcpServers: { shy: { command: 'sleep', args: ['600'] } } }))
    chownSync(file, runner.uid, runner.gid)
    for (const from of [[], ['--config', file]]) {
      const late = house.verb('call', 'shy', 'count', '--timeout', '1s', ...from)
      assert.equal(late.status, 124, late.stderr)
      assert.match(late.stderr, /"shy" is being started, and was not there within 1 s/)
    }
    assert.equal(house.status().sandboxes.length, 0, 'nothing of either start is left')
  })

  test(`a tool that the policy hides is not there, and the denial is shown (${runner.name})`, (t) => {
    const house = household(t, runner)
    house.ok('launch', '--name', 'moody', '--deny-tools', 'die', '--', ...moody(runner))
    const hidden = house.verb('call', 'moody', 'die')
    assert.equal(hidden.status, 5)
    assert.match(hidden.stderr, /Unknown tool: die/)
    assert.doesNotMatch(house.ok('tools', 'moody'), /^die/m)
    assert.match(house.ok('status'), /moody: denied .* tools\/call die \(tools\.deny die\)/)
    const record = house.ok('audit', 'query', '--verdict', 'denied')
    assert.match(record, /die/)
  })

  test(`ERAS: a server of the stateless era is found out and called (${runner.name})`, (t) => {
    const house = household(t, runner)
    const server = [runner.node, path.join(runner.root, 'test/fixtures/stateless-server.mjs')]
    const { server: self } = house.launch('--name', 'late', '--', ...server)
    assert.deepEqual([self?.era, self?.protocolVersion, self?.name], ['stateless', '2026-07-28', 'stateless'])
    assert.equal(house.ok('call', 'late', 'who'), 'glovebox\n')
  })

  test(`logs are what a server wrote to stderr, also when it has ended; test tells each stage (${runner.name})`, (t) => {
    const house = household(t, runner)
    house.ok('launch', '--name', 'moody', '--', ...moody(runner))
    assert.equal(house.ok('logs', 'moody'), 'moody is up\n')
    house.ok('stop', 'moody')
    assert.equal(house.ok('logs', 'moody'), 'moody is up\n')
    const line = { schema: 'glovebox/log-line/1', server: 'moody', line: 'moody is up' }
    assert.deepEqual(JSON.parse(house.ok('logs', '--json', 'moody')), line)
    assert.equal(house.verb('logs', '../daemon').status, 2)
    const { ok, stages } = house.json('test', '--', ...moody(runner)) as { ok: boolean; stages: { stage: string }[] }
    assert.equal(ok, true)
    assert.deepEqual(
      stages.map(({ stage }) => stage),
      ['plan', 'sandbox', 'handshake', 'tools', 'stop'],
    )
    assert.equal(house.verb('test', '--', 'sh', '-c', 'exit 3').status, 125)
    assert.match(house.ok('test'), /glovebox-test/)
  })

  test(`VM-MANY: many sandboxes at once are measured, drawn and gone (${runner.name})`, (t) => {
    const house = household(t, runner)
    const svg = path.join(house.home, 'latency.svg')
    const many = house.json('launch-many', '6', '--batch', '3', '--svg', svg) as Many
    assert.deepEqual([many.count, many.failures], [6, 0])
    for (const { p50, p95, p99 } of [many.launch, many.firstCall]) assert.ok(p50 > 0 && p50 <= p95 && p95 <= p99)
    assert.ok(many.memory.pssMedian > 1 && many.memory.total > many.memory.pssMedian)
    assert.match(readFileSync(svg, 'utf8'), /^<svg [^]*p50[^]*p99[^]*<\/svg>\n$/)
    assert.deepEqual(house.status().sandboxes, [])
    const failed = house.verb('launch-many', '2', '--json', '--', 'sh', '-c', 'exit 3')
    assert.equal(failed.status, 1)
    assert.equal((JSON.parse(failed.stdout) as Many).failures, 2)
  })
}

interface Many {
  readonly count: number
  readonly failures: number
  readonly launch: { readonly p50: number; readonly p95: number; readonly p99: number }
  readonly firstCall: { readonly p50: number; readonly p95: number; readonly p99: number }
  readonly memory: { readonly pssMedian: number; readonly total: number }
}

function textIn({ result }: CallReply): unknown {
  const [block] = (result?.['content'] ?? []) as { text?: unknown }[]
  return block?.text
}
