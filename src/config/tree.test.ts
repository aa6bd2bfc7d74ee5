import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spellPath } from './tree.ts'

test('A path is spelled as a person would write it, and a hostile key in it speaks to no terminal', () => {
  assert.equal(spellPath(['mcpServers', 'files', 'args', 0]), 'mcpServers.files.args[0]')
  assert.equal(spellPath(['env', 'a b']), 'env["a b"]')
  assert.equal(
    spellPath(['env', 'del\u{7f}', 'over\u{202e}ride', 'bell\u{7}']),
    String.raw`env["del\u{7f}"]["over\u{202e}ride"]["bell\u0007"]`,
  )
})
