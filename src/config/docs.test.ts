import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { configHome } from '../../test/support/config-home.ts'
import { readConfig } from './file.ts'
import { manifestLayer } from './manifest/manifest.ts'
import { directiveTable } from './profile/directive-table.ts'
import { builtInFolder, folderOf } from './profile/folder.ts'
import { readProfile } from './profile/parse.ts'
import { keyTables } from './schema/key-table.ts'
import { presetTable } from './schema/preset-table.ts'

const home = configHome()
after(home.remove)

const page = (name: string): string => readFileSync(path.resolve(import.meta.dirname, '../../docs', name), 'utf8')

/** The fenced examples of a page in one language. */
function examples(text: string, language: string): string[] {
  return [...text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)]
    .filter(([, found]) => found === language)
    .map(([, , body = '']) => body)
}

test('the tables of keys, directives and presets are those that the code makes', () => {
  assert.ok(page('CONFIGURATION.md').includes(`-->\n${keyTables()}\n<!--`), 'npm run build:schema')
  assert.ok(page('network.md').includes(`-->\n${presetTable()}\n<!--`), 'npm run build:schema')
  assert.ok(page('profiles.md').includes(`-->\n${directiveTable()}\n<!--`), 'npm run build:schema')
})

test('the examples of a configuration are sound, and the same in each spelling', async () => {
  const text = page('CONFIGURATION.md')
  const [json, toml, yaml] = await Promise.all(
    [
      ['jsonc', 'json'],
      ['toml', 'toml'],
      ['yaml', 'yaml'],
    ].map(async ([language = '', end]) => {
      const [example = ''] = examples(text, language)
      return (await readConfig({ path: `glovebox.${end}`, text: example })).config
    }),
  )
  assert.ok(json?.mcpServers?.['files'])
  assert.deepEqual(toml, json)
  assert.deepEqual(yaml, json)
})

test('the example of a manifest is sound', async () => {
  const [example = ''] = examples(page('CONFIGURATION.md'), 'json')
  const { sandbox } = await manifestLayer(home.put('manifest.json', example))
  assert.equal(sandbox.limits?.cpus, 0.5)
})

test('the example of a profile is sound', () => {
  const [example = ''] = examples(page('profiles.md'), 'profile')
  const folders = [folderOf('user', '/profiles', new Map([['p.profile', example]])), builtInFolder()]
  assert.deepEqual(readProfile('p', folders, '/home/me')?.sandbox.exec, ['git', 'python3'])
})

test('every key of the schema is in the documentation', () => {
  const text = page('CONFIGURATION.md')
  for (const key of ['sandbox', 'allowDegraded', 'openFiles', 'resolvers', 'each', 'expose', 'kernel'])
    assert.ok(text.includes(`| \`${key}\` |`), key)
})
