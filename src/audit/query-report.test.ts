import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import { call, withDirectory } from '../../test/support/record.ts'
import { GloveboxError } from '../errors.ts'
import { styleFor } from '../ui/style.ts'
import { openAudit } from './audit-log.ts'
import { queryAudit, type QueryFlags } from './query-report.ts'

const hour = 3_600_000

function collected() {
  let [text, told] = ['', '']
  return {
    write: (more: string) => void (text += more),
    tell: (more: string) => void (told += more),
    text: () => text,
    told: () => told,
  }
}

async function asked(directory: string, flags: Partial<QueryFlags>, now: number = Date.now()) {
  const out = collected()
  const options = {
    directory,
    flags: { limit: 1000, ...flags },
    now,
    style: styleFor({}, {}),
    onProgress: () => undefined,
  }
  await queryAudit({ ...options, ...out, signal: AbortSignal.timeout(30_000) })
  return { text: out.text(), told: out.told() }
}

const refused = async (directory: string, flags: Partial<QueryFlags>, why: RegExp): Promise<void> =>
  assert.rejects(
    asked(directory, flags),
    (error) => error instanceof GloveboxError && error.code === 'USAGE' && why.test(`${error.message} ${error.fix}`),
  )

test('the table has the events that are asked for, the newest last', async () => {
  await withDirectory(async (directory) => {
    let time = 0
    const log = openAudit({ directory, sandbox: 'gbx-1', server: 'files', now: () => (time += hour) })
    for (let index = 0; index < 5; index++) log.record(call(index))
    log.close()
    const { text, told } = await asked(directory, { since: '2h', kind: 'message', server: 'files' }, 5 * hour)
    assert.match(text, /^time .*\n(.* files +gbx-1:\d +message +allowed .*\n){3}$/)
    assert.equal(told, '')
    assert.deepEqual(await asked(directory, { server: 'other' }), { text: '', told: 'no event is like that\n' })
  })
})

test('--json gives the lines as they are in the record, and that there are more is told beside', async () => {
  await withDirectory(async (directory) => {
    const log = openAudit({ directory, sandbox: 'gbx-1', server: 'files' })
    for (let index = 0; index < 5; index++) log.record(call(index))
    log.close()
    const { text, told } = await asked(directory, { json: true, limit: 2 })
    const ids = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).api.request.uid)
    assert.deepEqual(ids, ['3', '4'])
    assert.match(told, /older events are not shown: --limit 2/)
    assert.equal((await asked(directory, { json: true, limit: 0 })).text.trimEnd().split('\n').length, 5)
  })
})

test('what cannot be asked is an error that says what can', async () => {
  await withDirectory(async (directory) => {
    await refused(directory, { kind: 'conect' }, /--kind conect: there is no such kind.*connect/)
    await refused(directory, { verdict: 'blocked' }, /denied/)
    await refused(directory, { since: 'yesterday' }, /--since yesterday/)
    await refused(directory, { since: '1h', until: '2h' }, /--since is after --until/)
    await refused(directory, { until: 'now', follow: true }, /--follow goes on/)
  })
})

test('with --follow new events that are asked for come, each once, also out of new files', async () => {
  await withDirectory(async (directory) => {
    const stop = new AbortController()
    const out = collected()
    const log = openAudit({ directory, sandbox: 'gbx-1', server: 'files', rotation: { bytes: 1500, ageMs: Infinity } })
    log.record(call(0))
    const flags: QueryFlags = { limit: 10, json: true, follow: true, server: 'files' }
    const options = { directory, flags, now: Date.now(), style: styleFor({}, {}), onProgress: () => undefined }
    const following = queryAudit({ ...options, ...out, signal: stop.signal })
    const ids = (): string[] =>
      out
        .text()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line).api.request.uid)
    await eventually(() => ids().length === 1 || undefined)
    const other = openAudit({ directory, sandbox: 'gbx-2', server: 'web' })
    for (let index = 1; index <= 6; index++) {
      log.record(call(index))
      other.record(call(100 + index))
    }
    await eventually(() => ids().length === 7 || undefined)
    assert.deepEqual(ids(), ['0', '1', '2', '3', '4', '5', '6'])
    stop.abort()
    await following
    log.close()
    other.close()
  })
})
