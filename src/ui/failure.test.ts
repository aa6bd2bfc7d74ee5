import assert from 'node:assert/strict'
import { openSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { renderFailure } from './failure.ts'
import { styleFor } from './style.ts'

const plain = { json: false, style: styleFor({}, {}) }

function thrownBy(what: () => unknown): unknown {
  try {
    what()
  } catch (error) {
    return error
  }
  assert.fail('it did not throw')
}

test('a path that the system refuses is told with what to look at, and without a trace', () => {
  const { text, exitCode } = renderFailure(
    thrownBy(() => openSync('/dev/null/state', 'r')),
    plain,
  )
  assert.equal(exitCode, 1)
  assert.match(text, /^glovebox: ENOTDIR: .* '\/dev\/null\/state'\n {2}fix: check \/dev\/null\/state, .*\n$/)
})

test('who leaves a question ends us as a signal would, without a trace', async () => {
  for (const key of ['\u0003', '\u0004']) {
    const input = new PassThrough()
    const lines = createInterface({ input, output: new PassThrough(), terminal: true })
    const asked = lines.question('Sure? ')
    input.write(key)
    const error: unknown = await asked.then(
      () => assert.fail('it was answered'),
      (reason: unknown) => reason,
    )
    assert.deepEqual(renderFailure(error, plain), { text: '\n', exitCode: 130 })
  }
})

test('a fault of ours has its trace', () => {
  assert.match(renderFailure(new TypeError('oh'), plain).text, /^glovebox: oh\nTypeError: oh\n +at /)
})
