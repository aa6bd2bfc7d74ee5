import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import type { Runner } from '../support/as-user.ts'
import { runners } from '../support/as-user.ts'
import { unlessPresent } from '../support/requirement.ts'

interface AuditEvent {
  readonly message: string
  readonly action_id?: number
  readonly metadata: { readonly event_code: string; readonly sequence: number; readonly correlation_uid: string }
  readonly unmapped: Record<string, unknown>
}

for (const runner of runners()) {
  const records = path.join(runner.home, '.local/state/glovebox/audit')

  test(`a program's whole life is in the record, in order (${runner.name})`, () => {
    const dial =
      "require('net').connect(80, '192.0.2.1').on('error', () => require('child_process').execFileSync('/usr/bin/env'))"
    const run = glovebox(runner, ['exec', '--name', 'life', '--', runner.node, '-e', dial, '--', '--token', 'SECRET-1'])
    assert.equal(run.status, 0, run.stderr)
    const events = eventsOf(runner, 'life')
    const codes = events.map(({ metadata }) => metadata.event_code)
    assert.equal(codes[0], 'start')
    assert.equal(codes.at(-1), 'stop')
    assert.ok(codes.includes('receipt'))
    assert.ok(events.some(({ message, action_id }) => /connect 192\.0\.2\.1:80/.test(message) && action_id === 2))
    assert.ok(events.some(({ message }) => /exec \/usr\/bin\/env/.test(message)))
    assert.deepEqual(
      events.map(({ metadata }) => metadata.sequence),
      events.map((_, index) => index + 1),
    )
    assert.doesNotMatch(JSON.stringify(events), /SECRET/)
  })

  test(`a server's calls are in the record before they reach it (${runner.name})`, async () => {
    const server = path.join(runner.root, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js')
    const glovebox = path.join(runner.root, 'bin/glovebox.cjs')
    const words = ['run', '--name', 'calls', '--deny-tools', 'get-env', '--', runner.node, server, 'stdio']
    const child = runner.spawn(runner.node, [glovebox, ...words], { stdio: ['pipe', 'pipe', 'ignore'] })
    assert.ok(child.stdin && child.stdout)
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const ask = async (message: object): Promise<void> => {
      child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
      for (let answer = ''; !/"id":/.test(answer);) answer = String((await lines.next()).value)
    }
    const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
    await ask({ id: 1, method: 'initialize', params })
    await ask({ id: 2, method: 'tools/call', params: { name: 'echo', arguments: { message: 'SECRET-2' } } })
    await ask({ id: 3, method: 'tools/call', params: { name: 'get-env', arguments: {} } })
    // The answer is here, so the call is there: nothing is waited for.
    const calls = eventsOf(runner, 'calls').filter(({ metadata }) => metadata.event_code === 'message')
    assert.deepEqual(
      calls.map(({ message, action_id }) => [message, action_id]),
      [
        ['tools/call echo', 1],
        ['tools/call get-env', 2],
      ],
    )
    assert.match(String(calls[0]?.unmapped['arguments_sha256']), /^[0-9a-f]{64}$/)
    assert.doesNotMatch(JSON.stringify(calls), /SECRET/)
    child.stdin.end()
    await once(child, 'exit')
  })

  test(`all records are as they were written, until one is changed (${runner.name})`, () => {
    const whole = glovebox(runner, ['audit', 'verify'])
    assert.equal(whole.status, 0, whole.stderr)
    assert.match(whole.stdout, /\d records: \d+ ok, 0 unrecorded, 0 tampered\n$/)
    const name = readdirSync(records).find((file) => file.endsWith('.jsonl')) ?? ''
    const file = path.join(records, name)
    writeFileSync(file, readFileSync(file, 'utf8').replace('"severity_id":1', '"severity_id":9'))
    const changed = glovebox(runner, ['audit', 'verify', '--json'])
    assert.equal(changed.status, 1)
    const report = JSON.parse(changed.stdout) as {
      ok: boolean
      records: { file: string; problem?: { line: number } }[]
    }
    assert.equal(report.ok, false)
    assert.equal(report.records.find((record) => record.file === file)?.problem?.line, 1)
    assert.match(changed.stderr, /AUDIT_TAMPERED/)
  })

  test(`tail shows a table, and the reader may leave early (${runner.name})`, () => {
    const table = glovebox(runner, ['audit', 'tail', 'life', '-n', '3'])
    assert.equal(table.status, 0, table.stderr)
    assert.match(table.stdout, /^time +server +id +event/)
    assert.equal(table.stdout.trimEnd().split('\n').length, 4)
    const early = [
      '-c',
      'set -o pipefail; "$@" | head -n 1',
      'bash',
      runner.node,
      path.join(runner.root, 'bin/glovebox.cjs'),
    ]
    const left = runner.spawnSync('bash', [...early, 'audit', 'tail', '-n', '100000', '--json'])
    assert.equal(left.status, 0, left.stderr)
    assert.equal(left.stderr, '')
    assert.equal(glovebox(runner, ['audit', 'tail', 'nobody']).status, 1)
    assert.equal(glovebox(runner, ['audit', 'tail', '-n', 'some']).status, 2)
    assert.equal(glovebox(runner, ['audit', 'verify', 'nobody']).status, 2)
  })

  const skip = unlessPresent('USERNS', canFill() ? undefined : 'this host gives no user namespaces')

  test(`a full disk starts nothing, and says what to do (${runner.name})`, { skip }, () => {
    // Too small for what must be free, in a mount namespace of its own. The sandbox is never reached.
    const full = 'mount -t tmpfs -o size=512k,mode=1777 none "$0" && GLOVEBOX_HOME="$0" exec "$@"'
    const command = [runner.node, path.join(runner.root, 'bin/glovebox.cjs'), 'exec', '--', 'echo', 'ran']
    const run = runner.spawnSync('unshare', ['-rm', 'sh', '-c', full, runner.tmp, ...command])
    assert.equal(run.status, 1, run.stderr)
    assert.equal(run.stdout, '')
    assert.match(run.stderr, /audit record .* no space is left/)
    assert.match(run.stderr, /fix: free some space/)
  })
}

function glovebox(runner: Runner, args: readonly string[]): ReturnType<Runner['spawnSync']> {
  return runner.spawnSync(runner.node, [path.join(runner.root, 'bin/glovebox.cjs'), ...args])
}

function eventsOf(runner: Runner, server: string): AuditEvent[] {
  const run = glovebox(runner, ['audit', 'tail', server, '-n', '1000', '--json'])
  assert.equal(run.status, 0, run.stderr)
  const lines = run.stdout.trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as AuditEvent)
}

function canFill(): boolean {
  return spawnSync('unshare', ['-rm', 'true']).status === 0
}
