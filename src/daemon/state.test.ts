import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { takeLock } from './lock.ts'
import { killed, openState } from './state.ts'

function place(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-state-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

test('what was running when a daemon ended without a word is told as ended by that', (t) => {
  const file = path.join(place(t), 'daemon.sqlite')
  const first = openState(file, () => 1000)
  first.launched({ id: 'gbx-1', name: 'one', driver: 'jail', startedMs: 900 })
  first.launched({ id: 'gbx-2', name: 'two', driver: 'jail', startedMs: 901 })
  first.ended('gbx-2', undefined)
  assert.deepEqual(first.recent(), [])
  assert.deepEqual(first.recent({ isOver: true }), [
    { id: 'gbx-1', name: 'one', startedMs: 900, endedMs: null, how: killed },
  ])
  first.close()
  const second = openState(file, () => 2000)
  assert.equal(second.begin(), 1)
  assert.deepEqual(second.recent(), [{ id: 'gbx-1', name: 'one', startedMs: 900, endedMs: 2000, how: killed }])
  second.close()
})

test('of each name the latest sandbox counts, and what was long ago does not', (t) => {
  let now = 1000
  const state = openState(path.join(place(t), 'daemon.sqlite'), () => now)
  for (const [id, how] of [
    ['gbx-1', 'exit code 1'],
    ['gbx-2', 'exit code 2'],
  ] as const) {
    state.launched({ id, name: 'one', driver: 'jail', startedMs: ++now })
    state.ended(id, how)
  }
  assert.deepEqual(
    state.recent().map(({ how }) => how),
    ['exit code 2'],
  )
  state.launched({ id: 'gbx-3', name: 'one', driver: 'jail', startedMs: ++now })
  assert.deepEqual(state.recent(), [], 'it runs again')
  now += 13 * 3600_000
  state.ended('gbx-3', 'late')
  assert.deepEqual(state.recent(), [])
  state.close()
})

test('one has the lock, and who comes second is told; it ends with who had it', (t) => {
  const file = path.join(place(t), 'lock')
  const first = takeLock(file)
  assert.ok(first !== undefined)
  assert.equal(takeLock(file), undefined)
  first.release()
  const third = takeLock(file)
  assert.ok(third !== undefined)
  third.release()
})
