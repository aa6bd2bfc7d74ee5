import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatsReply } from '../protocol/inside/v1.ts'
import type { RunningRecord } from '../runtime/running/record.ts'
import { renderCopied } from './copied.ts'
import { amountOf, sizeOf } from './progress.ts'
import { ageOf, renderRunning, type Shown } from './running.ts'
import { renderStats } from './stats.ts'

const sandbox: RunningRecord = {
  schema: 'glovebox/sandbox/1',
  id: 'gbx-0123456789ab',
  server: 'files',
  driver: 'jail',
  plan: 'aa',
  command: ['node', 'x\u{1b}]0;owned\u{7}'],
  pid: 7,
  begun: '1',
  startedMs: 1000,
  socket: '/s',
  published: [],
}

const stats: StatsReply = {
  memoryBytes: 3 * 1024 ** 2,
  memoryLimitBytes: 0,
  cpuMs: 1500,
  processes: 4,
  processesLimit: 128,
  uptimeMs: 90_000,
  cpuPressure: { some10s: 1.25, someTotalUs: 5000 },
  memoryPressure: undefined,
  ioPressure: { some10s: Number.NaN, someTotalUs: 0 },
  lastDenials: [{ atMs: 1, operation: 'con\u{1b}nect', subject: Buffer.from('1.2.3.4:80\u{1b}[2J') }],
}

const row = { ...sandbox, memoryBytes: 2 * 1024 ** 2 }
const shown = (running: Shown['running']): Shown => ({ running, servers: [], ended: [] })
const plain = { stream: { isTTY: false } }

test('Running sandboxes are a table for people and a document for programs, with nothing that a terminal obeys', () => {
  const text = renderRunning(shown([row]), { json: false, now: 61_000, ...plain })
  assert.match(text, /files +gbx-0123456789ab +jail +60 s +2\.0 MiB +- +7 +node x\\u\{1b\}\]0;owned\\u\{7\}/)
  const json = JSON.parse(renderRunning(shown([row]), { json: true, now: 0, ...plain })) as { sandboxes: object[] }
  assert.deepEqual(Object.keys(json.sandboxes[0] ?? {}), [
    'id',
    'name',
    'driver',
    'plan',
    'command',
    'pid',
    'startedMs',
    'channel',
    'published',
    'memoryBytes',
    'spare',
  ])
  const published = [{ address: '::1', port: 8080, inside: 3000 }]
  assert.match(
    renderRunning(shown([{ ...row, published }]), { json: false, now: 0, ...plain }),
    / ports [^]* \[::1\]:8080→3000 /,
  )
  assert.equal(renderRunning(shown([]), { json: false, now: 0, ...plain }), 'no sandbox is running\n')
  assert.deepEqual([119_999, 120_000, 7_200_000, 172_800_000, -5].map(ageOf), ['119 s', '2 min', '2 h', '2 d', '0 s'])
})

test('What a sandbox says of itself is shown harmless, and what nothing counts as a dash', () => {
  const rows = [
    { sandbox, stats, error: undefined },
    { sandbox, stats: undefined, error: 'gone' },
  ]
  const text = renderStats(rows, { json: false, oneLine: false, ...plain })
  assert.match(text, /3\.0 MiB +- +1\.50 s +4 +128 +90 s +1\.3 %, -, -/)
  assert.match(text, /gone/)
  assert.match(text, /denied con\\u\{1b\}nect 1\.2\.3\.4:80\\u\{1b\}\[2J/)
  const { sandboxes } = JSON.parse(renderStats(rows, { json: true, oneLine: true, ...plain })) as {
    sandboxes: { memoryLimitBytes: number | null; pressure: { memory: object | null }; error?: string }[]
  }
  assert.equal(sandboxes[0]?.memoryLimitBytes, null)
  assert.equal(sandboxes[0]?.pressure.memory, null)
  assert.equal(sandboxes[1]?.error, 'gone')
})

test('What was left out of a copy is named, up to twenty of it, and never on the archive’s own stream', () => {
  const leftOut = Array.from({ length: 25 }, (_, index) => `a${index}\u{7}`)
  const { out, err } = renderCopied({ bytes: 1, leftOut }, { json: false, toStdout: false })
  assert.equal(out, '')
  assert.match(err, /a0\\u\{7\}\n[^]*a19[^]*and 5 more\n$/)
  assert.equal(renderCopied({ bytes: 1, leftOut: [] }, { json: true, toStdout: true }).out, '')
  assert.match(renderCopied({ bytes: 9, leftOut: [] }, { json: true, toStdout: false }).out, /"contentBytes":9/)
})

test('An amount is shown on a terminal after a second, with its rate, and taken away at the end', () => {
  let now = 0
  const written: string[] = []
  const stream = { isTTY: true, write: (more: string) => written.push(more) } as unknown as NodeJS.WriteStream
  const progress = amountOf('copied', stream, () => now)
  progress.show(10)
  assert.deepEqual(written, [])
  now = 2000
  progress.show(4 * 1024 ** 2)
  assert.deepEqual(written, ['\rcopied: 4.0 MiB, 2.0 MiB/s\u{1b}[K'])
  progress.clear()
  progress.clear()
  assert.deepEqual(written.slice(1), ['\r\u{1b}[K'])
  assert.deepEqual([0, 1023, 1024, 200 * 1024, 1024 ** 4 * 2000].map(sizeOf), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '200 KiB',
    '2000 TiB',
  ])
})

test('An amount is told in a line elsewhere than on a terminal, when somebody begins to wonder, and then seldom', () => {
  let now = 0
  const written: string[] = []
  const stream = { isTTY: false, write: (more: string) => written.push(more) } as unknown as NodeJS.WriteStream
  const progress = amountOf('copied', stream, () => now)
  for (const [at, bytes] of [
    [2000, 1],
    [3500, 1024],
    [20_000, 2048],
    [34_000, 4096],
  ] as const) {
    now = at
    progress.show(bytes)
  }
  progress.clear()
  assert.deepEqual(written, ['glovebox: copied: 1.0 KiB so far\n', 'glovebox: copied: 4.0 KiB so far\n'])
})
