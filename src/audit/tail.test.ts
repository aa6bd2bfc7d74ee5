import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { eventually } from '../../test/support/eventually.ts'
import { call, withDirectory } from '../../test/support/record.ts'
import { styleFor } from '../ui/style.ts'
import { openAudit } from './audit-log.ts'
import type { TailOptions } from './tail.ts'
import { tailAudit } from './tail.ts'

const plain = styleFor({ isTTY: false }, {})
const coloured = styleFor({ isTTY: true }, { TERM: 'xterm' })

function collect(): { readonly write: (text: string) => void; readonly text: () => string } {
  let all = ''
  return { write: (text) => void (all += text), text: () => all }
}

async function shown(directory: string, options: Partial<TailOptions> = {}): Promise<string> {
  const out = collect()
  const signal = AbortSignal.timeout(30_000)
  const defaults = { directory, name: undefined, lines: 20, follow: false, json: false, style: plain, signal }
  await tailAudit({ ...defaults, write: out.write, ...options })
  return out.text()
}

test('the table says when, whose, what, the verdict and the rule', async () => {
  await withDirectory(async (directory) => {
    const log = openAudit({
      directory,
      sandbox: 'gbx-1',
      server: 'files',
      now: () => new Date(2026, 10, 21, 7, 5, 9).getTime(),
    })
    log.record({
      fact: 'activity',
      activity: {
        kind: 'connect',
        pid: 7,
        program: 'node',
        address: '203.0.113.7:443',
        verdict: 'denied',
        rule: 'network.default-deny',
        count: 7,
      },
    })
    log.record({ fact: 'start-failed', code: 'HOST_CANNOT', message: 'no cgroup' })
    const [header, connect, failed, ...rest] = (await shown(directory)).split('\n')
    assert.match(header ?? '', /^time +server +id +event +verdict +rule +what$/)
    assert.match(
      connect ?? '',
      /^2026-11-21 07:05:09 +files +gbx-1:\d +connect +denied +network\.default-deny +node: connect 203\.0\.113\.7:443 \(7 times\)$/,
    )
    assert.match(failed ?? '', / start-failed +failed +did not start: no cgroup$/)
    assert.deepEqual(rest, [''])
  })
})

test('colours are for a terminal, and add nothing but colour', async () => {
  await withDirectory(async (directory) => {
    openAudit({ directory, sandbox: 'gbx-1', server: 'files' }).record(call(1))
    const text = await shown(directory, { style: coloured })
    const bare = await shown(directory)
    assert.notEqual(text, bare)
    assert.equal(stripVTControlCharacters(text), bare)
  })
})

test('nothing that came from a sandbox or from a forger moves the cursor of who looks', async () => {
  await withDirectory(async (directory) => {
    const evil = '\u001b[2J\u001b]0;x\u0007\r\n\u202e\u200b\u009b'
    const log = openAudit({ directory, sandbox: 'gbx-1', server: `s${evil}` })
    log.record({ fact: 'server-log', stream: 'stderr', text: evil })
    log.record({
      fact: 'activity',
      activity: { kind: 'exec', pid: 1, program: evil, path: evil, verdict: 'recorded', rule: evil },
    })
    writeFileSync(
      join(directory, 'gbx-2.jsonl'),
      `${evil.replace('\n', '')}\n{"time":"x","metadata":[],"policy":{"name":7},"action_id":"9"}\n{"time":1e300}\n`,
    )
    const text = await shown(directory)
    assert.match(text, /\\u\{1b\}\[2J/)
    assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
    assert.equal(text.split('\n').length, 1 + 5 + 1, 'one row for each line')
  })
})

test('--json gives the lines as they are in the file', async () => {
  await withDirectory(async (directory) => {
    const log = openAudit({ directory, sandbox: 'gbx-1', server: 'files' })
    log.record(call(1))
    const text = await shown(directory, { json: true })
    assert.match(text, /^\{"time":\d+,.*"hash":"[0-9a-f]{64}"\}\}\n$/)
  })
})

test('a name that is not in the record is an error that says so', async () => {
  await withDirectory(async (directory) => {
    await assert.rejects(shown(directory), { code: 'FAILED', message: /nothing is recorded/ })
    openAudit({ directory, sandbox: 'gbx-1', server: 'files' }).record(call(1))
    await assert.rejects(shown(directory, { name: 'web' }), { code: 'FAILED', message: /"web"/ })
  })
})

test('following shows what is added, in records that begin later too, until it is ended', async () => {
  await withDirectory(async (base) => {
    const directory = join(base, 'not', 'there', 'yet')
    const end = new AbortController()
    const out = collect()
    const options = { directory, name: 'files', lines: 20, json: true, style: plain }
    const following = tailAudit({ ...options, follow: true, write: out.write, signal: end.signal })
    const first = openAudit({ directory, sandbox: 'gbx-1', server: 'files' })
    const other = openAudit({ directory, sandbox: 'gbx-2', server: 'web' })
    const seen = (): unknown[] =>
      out
        .text()
        .split('\n')
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as { api: { request: { uid: string } } }).api.request.uid)
    const until = async (count: number): Promise<unknown> =>
      eventually(() => (seen().length === count ? true : undefined))
    first.record(call(1))
    other.record(call(2))
    await until(1)
    first.record(call(3))
    await until(2)
    openAudit({ directory, sandbox: 'gbx-3', server: 'files' }).record(call(4))
    await until(3)
    end.abort()
    await following
    assert.deepEqual(seen(), ['1', '3', '4'])
  })
})
