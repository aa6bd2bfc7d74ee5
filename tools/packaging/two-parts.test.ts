import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { buildInTwoParts, divided } from './two-parts.ts'

const { loadParts } = createRequire(import.meta.url)('../../bin/compiled.cjs') as {
  loadParts: (
    files: Readonly<Record<string, string>>,
    directory: undefined,
    options: { user: string; onLoaded: () => void },
  ) => (which: string) => Exports
}

interface Exports {
  readonly main: () => Promise<readonly unknown[]>
  readonly modules: Readonly<Record<string, () => unknown>>
}

const sources = {
  'entry.ts': `
    import { Fault } from './fault.ts'
    export async function main() {
      const { said } = await import('./soon.ts')
      const { fail } = await import('./seldom.ts')
      try { fail() } catch (error) { return [said(), error instanceof Fault, error.message] }
    }`,
  'fault.ts': `export class Fault extends Error {}`,
  'soon.ts': `export const said = () => 'soon'`,
  'seldom.ts': `
    import { Fault } from './fault.ts'
    import { words } from './words.ts'
    export function fail() { throw new Fault(words) }`,
  'words.ts': `export const words = 'a word of the second part'`,
}

/** Both parts of the sources above, and how many of them are loaded. */
async function built(): Promise<{
  start: string
  more: string
  loaded: () => number
  part: (which: string) => Exports
}> {
  const root = mkdtempSync(path.join(tmpdir(), 'glovebox-parts-'))
  after(() => rmSync(root, { recursive: true }))
  for (const [name, text] of Object.entries(sources)) writeFileSync(path.join(root, name), text)
  const files = { start: path.join(root, 'start.cjs'), more: path.join(root, 'more.cjs') }
  await buildInTwoParts({
    root,
    entry: 'entry.ts',
    always: ['soon.ts'],
    files,
    options: {
      bundle: true,
      format: 'cjs',
      platform: 'node',
      supported: { 'dynamic-import': false },
      plugins: [],
      banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
      footer: { js: '})' },
    },
  })
  let loaded = 0
  const part = loadParts(files, undefined, { user: 'test', onLoaded: () => void (loaded += 1) })
  const [start, more] = [readFileSync(files.start, 'utf8'), readFileSync(files.more, 'utf8')]
  return { start, more, loaded: () => loaded, part }
}

test('A module is in one part, which the other asks for it, and a class of both is one class.', async () => {
  const { start, more, loaded, part } = await built()
  assert.deepEqual([start.includes('a word of'), more.includes('a word of')], [false, true])
  assert.deepEqual([start.includes('extends Error'), more.includes('extends Error')], [true, false])
  assert.ok(start.includes(`"soon"`) && !more.includes(`"soon"`))
  const { main } = part('start')
  assert.equal(loaded(), 1, 'nothing of the second is read before it is wanted')
  assert.deepEqual(await main(), ['soon', true, 'a word of the second part'])
  assert.equal(loaded(), 2)
})

test('A name that every start imports, and that is no module any more, ends the build.', () => {
  assert.throws(() => divided({ inputs: {} }, ['src/renamed.ts']), /no module is named src\/renamed.ts/)
})
