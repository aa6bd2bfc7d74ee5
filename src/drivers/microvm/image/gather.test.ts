import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { gather, walk } from './gather.ts'

let base = ''
const at = (name: string): string => join(base, name)

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'glovebox-gather-'))
  mkdirSync(at('project/sub'), { recursive: true })
  mkdirSync(at('home'))
  mkdirSync(at('tree'))
  writeFileSync(at('project/sub/file'), 'of the project')
  writeFileSync(at('home/file'), 'a secret of the host')
})

afterEach(() => rmSync(base, { recursive: true }))

const gathered = (source: string): void => gather([walk(source, new Set())], at('tree'))

/** What a sandbox that may write to the project does between the look and the copy. */
function afterTheLook(source: string, swap: () => void): void {
  const found = walk(source, new Set())
  swap()
  gather([found], at('tree'))
}

const swaps: readonly (readonly [string, string, () => void])[] = [
  ['a file for a link', 'project/sub/file', () => symlinkSync('../../home/file', at('project/sub/file'))],
  ['a directory for a link', 'project/sub', () => symlinkSync('../home', at('project/sub'))],
  ['the directory that is given for a link', 'project', () => symlinkSync('home', at('project'))],
  ['a file for a pipe', 'project/sub/file', () => spawnSync('mkfifo', [at('project/sub/file')])],
  ['a file for another', 'project/sub/file', () => writeFileSync(at('project/sub/file'), 'another')],
]

for (const [what, name, make] of swaps) {
  test(`whoever swaps ${what} meanwhile gets nothing packed`, () => {
    const swap = (): void => {
      renameSync(at(name), at('away'))
      make()
    }
    assert.throws(() => afterTheLook(at('project'), swap), /was replaced while it was read/)
    assert.ok(!existsSync(at('tree/0/sub/file')))
    assert.ok(!existsSync(at('tree/0/file')))
  })
}

test('a path in which somebody has put a link since it was resolved is refused', () => {
  renameSync(at('project/sub'), at('away'))
  symlinkSync('../home', at('project/sub'))
  assert.throws(() => gathered(join(at('project/sub'), 'file')), /was replaced while it was read/)
})

test('a file that grows meanwhile is copied as far as it was counted', () => {
  const file = at('project/sub/file')
  const { size } = statSync(file)
  afterTheLook(dirname(file), () => appendFileSync(file, 'x'.repeat(1024)))
  assert.equal(statSync(at('tree/0/file')).size, size)
})

test('links are packed as links, wherever they lead', () => {
  symlinkSync('../../home/file', at('project/sub/link'))
  gathered(at('project'))
  assert.equal(readFileSync(at('tree/0/sub/file'), 'utf8'), 'of the project')
  assert.throws(() => readFileSync(at('tree/0/sub/link')), /ENOENT/)
})
