import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outFact } from './out-fact.ts'
import { emptyReport } from './report.ts'

test('an event has the first of each list, cut, and nothing of the report beyond what the record has', () => {
  const many = Array.from({ length: 101 }, () => 'x'.repeat(600))
  const lists = { paths: many, conflicts: many, warnings: many, held: many, failed: many, leftOut: many }
  const about = { workspace: '/w', id: 'gbx-1' }
  const backup = { name: 'b', directory: '/backups/b' }
  const fact = outFact({ ...emptyReport(about, 'partly', '/copy'), ...lists, backup, reason: 'why' })
  const few = Array.from({ length: 50 }, () => 'x'.repeat(256))
  const counts = { added: 0, changed: 0, deleted: 0 }
  const kept = { paths: few, conflicts: few, warnings: few, held: few, failed: few }
  const expected = { fact: 'workspace-out', workspace: '/w', of: 'gbx-1', state: 'partly', ...counts, ...kept }
  assert.deepEqual(fact, { ...expected, backup: 'b' })
})
