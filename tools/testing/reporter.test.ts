import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { inWords, named, tallyOfCargo, type Tally } from './tally.ts'

const example = `
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
test('fine', () => {})
test('left out', { skip: 'no moon' }, () => {})
test('parent', async (t) => { await t.test('child', () => { assert.equal(1, 2) }) })
describe('suite', () => { test('inside', () => {}) })
describe('far suite', { skip: 'no stars' }, () => { test('never', () => {}) })
`

/** Runs these files under the reporter. */
function run(files: Record<string, string>): { tally: Tally; output: string; code: number | null } {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-reporter-'))
  try {
    const paths = Object.keys(files).map((name) => path.join(directory, name))
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(directory, name), text)
    const target = path.join(directory, 'tally.json')
    const reporter = path.join(import.meta.dirname, 'reporter.ts')
    const env: NodeJS.ProcessEnv = { ...process.env, GLOVEBOX_TALLY: target }
    // A test runner that finds itself inside another one reports to that one instead.
    delete env['NODE_TEST_CONTEXT']
    const child = spawnSync(process.execPath, ['--test', `--test-reporter=${reporter}`, ...paths], {
      env,
      encoding: 'utf8',
    })
    return { tally: JSON.parse(readFileSync(target, 'utf8')) as Tally, output: child.stdout, code: child.status }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

test('The reporter counts tests, not the suites and tests around them, and shows each failure and the reason of each skip.', () => {
  const { tally, output, code } = run({ 'a.test.mjs': example })
  assert.equal(inWords(tally), '2 passed, 1 failed, 2 skipped')
  assert.match(tally.skips[0] ?? '', /left out — no moon$/)
  assert.match(tally.skips[1] ?? '', /far suite — no stars$/)
  assert.match(output, /✗ child\n {2}.*a\.test\.mjs:6\n {4}AssertionError/)
  assert.doesNotMatch(output, /✗ parent/)
  assert.equal(tally.failures.length, 1)
  assert.match(tally.failures[0] ?? '', /a\.test\.mjs:6: child\n {4}AssertionError/)
  assert.equal(code, 1)
})

test('A failure of a test that several files share is listed with the file in which it failed.', () => {
  const shared =
    "import { test } from 'node:test'\nexport const make = (fails) => test('shared', () => { if (fails) throw new Error('no') })\n"
  const use = (fails: boolean): string => `import { make } from './shared.mjs'\nmake(${fails})\n`
  const { tally } = run({
    'shared.mjs': shared,
    'a.test.mjs': use(true),
    'b.test.mjs': use(false),
    'c.test.mjs': 'process.exit(3)\n',
    'd.test.mjs': use(true),
  })
  const places = tally.failures.map((failure) =>
    /[\w.]+:\d+(?: in \S+\/[\w.]+)?: /.exec(failure)?.[0].replace(/in .*\//, 'in '),
  )
  assert.deepEqual(places, ['shared.mjs:2 in a.test.mjs: ', 'c.test.mjs:1: ', 'shared.mjs:2 in d.test.mjs: '])
})

test('A file that ends before its tests could report is a failure.', () => {
  const { tally, code } = run({ 'a.test.mjs': 'process.exit(3)\n', 'b.test.mjs': "import 'node:nothing'\n" })
  assert.deepEqual([tally.passed, tally.failed], [0, 2])
  assert.equal(code, 1)
})

test('The closing lines of cargo are added up, and ignored tests are told.', () => {
  const tally = tallyOfCargo(`
running 3 tests
test a ... ok
test b ... ignored, needs the moon
test c ... FAILED

failures:

---- c stdout ----

thread 'c' panicked at src/c.rs:7:5:
nothing came

failures:
    c

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
`)
  assert.deepEqual(tally, {
    passed: 5,
    failed: 1,
    failures: ["c\n    thread 'c' panicked at src/c.rs:7:5:\n    nothing came"],
    skips: ['b — needs the moon'],
  })
})

test('What a failure says is cut in the list at the end, and that it was is said.', () => {
  const said = Array.from({ length: 20 }, (_, line) => `line ${line}`).join('\n')
  const lines = named('a.test.ts:3: it goes', said).split('\n')
  assert.deepEqual(
    [lines[0], lines[1], lines.at(-1)],
    ['a.test.ts:3: it goes', '    line 0', '    … 8 lines more above'],
  )
})
