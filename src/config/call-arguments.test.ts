import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { readArguments } from './call-arguments.ts'

const refused = async (words: readonly string[], message: RegExp, fix: RegExp): Promise<void> =>
  assert.rejects(readArguments(words), { code: 'USAGE', message, fix })

test('arguments are none, one JSON object, or one in a file', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-arguments-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = path.join(directory, 'a=b.json')
  writeFileSync(file, '{"n": 2}')
  assert.deepEqual(await readArguments([]), {})
  assert.deepEqual(await readArguments(['{"text": "a=b", "n": 1}']), { text: 'a=b', n: 1 })
  assert.deepEqual(await readArguments([`@${file}`]), { n: 2 })
})

test('arguments one by one are texts, or JSON behind :=', async () => {
  assert.deepEqual(
    await readArguments(['text=a=b: c\nd', 'empty=', 'n:=2', 'list:=["a"]', 'deep.key-1=1', '__proto__=x']),
    {
      text: 'a=b: c\nd',
      empty: '',
      n: 2,
      list: ['a'],
      'deep.key-1': '1',
      ['__proto__']: 'x',
    },
  )
})

test('what is no argument is an error that says what to write', async () => {
  await refused(['[1]'], /a JSON object, and this is not: \[1\]$/, /path=\/tmp/)
  await refused(['hello'], /a JSON object, and this is not: hello$/, /quote it/)
  await refused(['a=1', 'hello'], /one JSON object or KEY=TEXT words, and this is neither: hello$/, /KEY:=JSON/)
  await refused(['{}', '{}'], /and this is neither: \{\}$/, /KEY=TEXT/)
  await refused(['a=1', 'a:=2'], /^"a" is given twice$/, /list as JSON/)
  await refused(['a:=hello'], /^what stands behind a:= is not JSON: hello$/, /a=TEXT/)
})
