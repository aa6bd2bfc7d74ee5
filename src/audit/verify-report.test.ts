import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { call, withDirectory } from '../../test/support/record.ts'
import { styleFor } from '../ui/style.ts'
import { openAudit } from './audit-log.ts'
import { verifyAudit } from './verify-report.ts'

const style = styleFor({ isTTY: false }, {})

function record(directory: string, sandbox: string): string {
  const log = openAudit({ directory, sandbox, server: 'files' })
  log.record(call(1))
  log.record(call(2))
  log.close()
  return log.path
}

test('records that are as they were written are no failure', () => {
  withDirectory((directory) => {
    record(directory, 'gbx-1')
    record(directory, 'gbx-2')
    const { text, failure } = verifyAudit({ directory, target: undefined, json: false, style })
    assert.equal(failure, undefined)
    assert.match(
      text,
      /^state +events +sandbox\nok +2 +gbx-1\nok +2 +gbx-2\n2 records: 2 ok, 0 unrecorded, 0 tampered\n$/,
    )
  })
})

test('a record that was tampered with is a failure that names the file, the line, and what was expected', () => {
  withDirectory((directory) => {
    record(directory, 'gbx-1')
    const file = record(directory, 'gbx-2')
    writeFileSync(file, readFileSync(file, 'utf8').replace('"bytes":102', '"bytes":9'))
    const { text, failure } = verifyAudit({ directory, target: undefined, json: false, style })
    assert.equal(failure?.code, 'AUDIT_TAMPERED')
    assert.equal(failure.exitCode, 1)
    assert.match(
      text,
      new RegExp(`tampered +1 +gbx-2 +line 2 of ${file}: the line was changed; expected hash [0-9a-f]{64}; found hash`),
    )
    assert.match(text, /2 records: 1 ok, 0 unrecorded, 1 tampered/)
  })
})

test('one record is named by the id of its sandbox or by its file', () => {
  withDirectory((directory) => {
    const file = record(directory, 'gbx-1')
    truncateSync(record(directory, 'gbx-2'), 0)
    for (const target of ['gbx-1', file]) {
      const { text, failure } = verifyAudit({ directory, target, json: false, style })
      assert.equal(failure, undefined)
      assert.match(text, /^1 record: 1 ok/m)
    }
    assert.equal(verifyAudit({ directory, target: 'gbx-2', json: false, style }).failure?.code, 'AUDIT_TAMPERED')
    assert.throws(() => verifyAudit({ directory, target: 'gbx-3', json: false, style }), { code: 'USAGE' })
  })
})

test('a file that never was a record is no record that was tampered with', () => {
  withDirectory((directory) => {
    const notes = join(directory, 'notes.txt')
    writeFileSync(notes, 'buy milk\n')
    assert.throws(() => verifyAudit({ directory, target: notes, json: false, style }), {
      code: 'USAGE',
      message: `${notes} is no record: its first line is none of a record's`,
    })
    const named = join(directory, 'gbx-1.jsonl')
    writeFileSync(named, 'buy milk\n')
    assert.equal(verifyAudit({ directory, target: named, json: false, style }).failure?.code, 'AUDIT_TAMPERED')
  })
})

test('a copy under another name is told what it has to be called', () => {
  withDirectory((directory) => {
    const copy = join(directory, 'evidence.jsonl')
    copyFileSync(record(directory, 'gbx-1'), copy)
    const { text, failure } = verifyAudit({ directory, target: copy, json: false, style })
    assert.equal(failure?.code, 'AUDIT_TAMPERED')
    assert.match(
      text,
      /the record of another sandbox; .* found that of gbx-1, whose copies have to be called gbx-1\.jsonl/,
    )
  })
})

test('what is no tampering is noted', () => {
  withDirectory((directory) => {
    const file = record(directory, 'gbx-1')
    withDirectory((other) => {
      copyFileSync(file, join(other, 'gbx-1.jsonl'))
      const { text, failure } = verifyAudit({ directory: other, target: undefined, json: false, style })
      assert.equal(failure, undefined)
      assert.match(text, /^unrecorded +2 +gbx-1 +no head was kept: its end cannot be checked$/m)
    })
  })
})

test('--json is one document', () => {
  withDirectory((directory) => {
    const file = record(directory, 'gbx-1')
    const { text } = verifyAudit({ directory, target: undefined, json: true, style })
    assert.deepEqual(JSON.parse(text), {
      schema: 'glovebox/audit-verify/1',
      ok: true,
      records: [{ file, sandbox: 'gbx-1', segment: 0, state: 'ok', events: 2, afterHead: 0, tornBytes: 0 }],
    })
    truncateSync(file, 0)
    const document = JSON.parse(verifyAudit({ directory, target: undefined, json: true, style }).text) as {
      ok: boolean
      records: { problem: { line: number } }[]
    }
    assert.equal(document.ok, false)
    assert.equal(document.records[0]?.problem.line, 1)
  })
})
