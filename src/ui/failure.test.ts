import assert from 'node:assert/strict'
import { openSync } from 'node:fs'
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

test('a fault of ours has its trace', () => {
  assert.match(renderFailure(new TypeError('oh'), plain).text, /^glovebox: oh\nTypeError: oh\n +at /)
})
