import assert from 'node:assert/strict'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { call, withDirectory } from '../../test/support/record.ts'
import type { AuditLog } from './audit-log.ts'
import { openAudit } from './audit-log.ts'
import type { Entry } from './reader.ts'
import { createReader } from './reader.ts'

/** Records with a clock that they share: each event is one millisecond after the one before, in whichever record. */
function records(directory: string): (sandbox: string, server: string) => AuditLog {
  let time = 1_000_000
  return (sandbox, server) => openAudit({ directory, sandbox, server, now: () => ++time })
}

function ids(entries: readonly Entry[]): unknown[] {
  return entries.map(({ event }) => (event as { api: { request: { uid: string } } } | undefined)?.api.request.uid)
}

test('the last events of all records come by time', () => {
  withDirectory((directory) => {
    const open = records(directory)
    const a = open('gbx-a', 'files')
    const b = open('gbx-b', 'web')
    a.record(call(1))
    b.record(call(2))
    a.record(call(3))
    b.record(call(4))
    assert.deepEqual(ids(createReader(directory, undefined).last(10)), ['1', '2', '3', '4'])
    assert.deepEqual(ids(createReader(directory, undefined).last(3)), ['2', '3', '4'])
    assert.deepEqual(createReader(directory, undefined).last(0), [])
  })
})

test('a name chooses a sandbox by its id, or a server', () => {
  withDirectory((directory) => {
    const open = records(directory)
    open('gbx-a', 'files').record(call(1))
    open('gbx-b', 'web').record(call(2))
    open('gbx-c', 'files').record(call(3))
    assert.deepEqual(ids(createReader(directory, 'files').last(10)), ['1', '3'])
    assert.deepEqual(ids(createReader(directory, 'gbx-b').last(10)), ['2'])
    assert.deepEqual(createReader(directory, 'nobody').last(10), [])
  })
})

test('what comes later is read once, and only when its line is whole', () => {
  withDirectory((directory) => {
    const log = records(directory)('gbx-a', 'files')
    log.record(call(1))
    const reader = createReader(directory, undefined)
    assert.deepEqual(ids(reader.last(10)), ['1'])
    assert.deepEqual(reader.more('gbx-a.jsonl'), [])
    log.record(call(2))
    log.record(call(3))
    assert.deepEqual(ids(reader.more('gbx-a.jsonl')), ['2', '3'])
    appendFileSync(log.path, '{"half":')
    assert.deepEqual(reader.more('gbx-a.jsonl'), [])
    appendFileSync(log.path, '1}\n')
    assert.deepEqual(
      reader.more('gbx-a.jsonl').map(({ text }) => text),
      ['{"half":1}'],
    )
  })
})

test('a record that begins later is read from its beginning when it is of the server', () => {
  withDirectory((directory) => {
    const open = records(directory)
    const reader = createReader(directory, 'files')
    reader.last(0)
    const files = open('gbx-a', 'files')
    assert.deepEqual(reader.more('gbx-a.jsonl'), [], 'an empty file is of nobody yet')
    files.record(call(1))
    open('gbx-b', 'web').record(call(2))
    assert.deepEqual(ids(reader.more('gbx-a.jsonl')), ['1'])
    assert.deepEqual(reader.more('gbx-b.jsonl'), [])
  })
})

test('what is no record, or is gone, gives nothing', () => {
  withDirectory((directory) => {
    const reader = createReader(directory, undefined)
    writeFileSync(join(directory, 'heads.sqlite-wal'), '{}\n')
    assert.deepEqual(reader.more('heads.sqlite-wal'), [])
    assert.deepEqual(reader.more('gbx-gone.jsonl'), [])
    assert.deepEqual(createReader(join(directory, 'absent'), undefined).last(5), [])
  })
})

test('the end of a long record is read without the whole of it', () => {
  withDirectory((directory) => {
    const log = records(directory)('gbx-a', 'files')
    for (let index = 1; index <= 400; index++) log.record(call(index))
    const reader = createReader(directory, undefined)
    assert.deepEqual(ids(reader.last(2)), ['399', '400'])
    assert.equal(reader.last(300).length, 300)
    assert.equal(reader.last(1000).length, 400)
  })
})

test('a line that is no event is handed on as text', () => {
  withDirectory((directory) => {
    writeFileSync(join(directory, 'gbx-a.jsonl'), 'no json\n[1]\n"x"\n')
    const entries = createReader(directory, undefined).last(5)
    assert.deepEqual(
      entries.map(({ text }) => text),
      ['no json', '[1]', '"x"'],
    )
    assert.equal(entries[0]?.event, undefined)
  })
})
