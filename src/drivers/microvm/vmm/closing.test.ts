import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClosing } from './closing.ts'

test('what is opened while the end comes is closed too, and each once', () => {
  const closing = createClosing()
  const closed: string[] = []
  const of = (name: string) => ({ close: () => void closed.push(name) })
  closing.add(of('early'))
  closing.close()
  assert.deepEqual(closed, ['early'])
  closing.add(of('late'))
  closing.close()
  assert.deepEqual(closed, ['early', 'late'])
})
