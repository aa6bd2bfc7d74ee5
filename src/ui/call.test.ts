import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes } from '../errors.ts'
import type { CallReply } from '../protocol/daemon.ts'
import { renderCall } from './call.ts'

const reply = { sandbox: 'gbx-aaaa', fresh: false, ms: 1.5 }
const options = { server: 'files', tool: 'read', json: false, stream: {} }

const render = (answer: Partial<CallReply>, json = false): ReturnType<typeof renderCall> =>
  renderCall({ ...reply, ...answer }, { ...options, json })

test('what helps behind a failed call depends on what failed', () => {
  for (const [code, fresh, fix] of [
    [-32601, false, /glovebox tools files/],
    [-32602, true, /glovebox tools files/],
    [-32603, false, /glovebox logs files/],
    [-32603, true, /glovebox test files/],
    [7, false, /glovebox logs files/],
  ] as const) {
    assert.throws(() => render({ error: { code, message: 'it broke' }, fresh }), {
      code: 'TOOL_ERROR',
      message: `read: it broke (${code})`,
      fix,
    })
  }
})

test('an answer is its text, or says what else it is; one that is an error has an exit code of its own', () => {
  const text = (content: unknown): string => render({ result: { content } }).text
  assert.equal(
    text([
      { type: 'text', text: 'one' },
      { type: 'text', text: 'two\n' },
    ]),
    'one\ntwo\n',
  )
  assert.equal(
    text([{ type: 'image', data: 'AAAA', mimeType: 'image/png' }]),
    '[image image/png, 3 bytes: --json has it]\n',
  )
  assert.equal(render({ result: { structuredContent: { a: 1 } } }).text, '{\n  "a": 1\n}\n')
  assert.equal(render({ result: {} }).exitCode, exitCodes.ok)
  assert.equal(render({ result: { isError: true, content: [] } }).exitCode, exitCodes.toolError)
})

test('as JSON an error is part of the document', () => {
  const { text, exitCode } = render({ error: { code: 7, message: 'it broke' } }, true)
  const document: unknown = JSON.parse(text)
  const about = {
    schema: 'glovebox/call/1',
    server: 'files',
    tool: 'read',
    sandbox: 'gbx-aaaa',
    fresh: false,
    tookMs: 1.5,
  }
  assert.deepEqual(document, { ...about, error: { code: 7, message: 'it broke' } })
  assert.equal(exitCode, exitCodes.toolError)
})
