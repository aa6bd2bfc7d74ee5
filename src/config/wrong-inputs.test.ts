import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { configHome } from '../../test/support/config-home.ts'
import { GloveboxError } from '../errors.ts'
import { readConfig } from './file.ts'
import { manifestLayer } from './manifest/manifest.ts'
import { builtInFolder, folderOf } from './profile/folder.ts'
import { readProfile } from './profile/parse.ts'

const fixtures = path.resolve(import.meta.dirname, '../../test/fixtures/config-errors')
const home = configHome()
after(home.remove)

/** How each kind of text is read; what is thrown is what a user would see. */
const readers: Readonly<Record<string, (text: string) => unknown>> = {
  json: async (text) => readConfig({ path: 'glovebox.json', text }),
  toml: async (text) => readConfig({ path: 'glovebox.toml', text }),
  yaml: async (text) => readConfig({ path: 'glovebox.yaml', text }),
  profile: (text) =>
    readProfile('p', [folderOf('user', 'profiles', new Map([['p.profile', text]])), builtInFolder()], '/home/me'),
  manifest: async (text) => manifestLayer(home.put('manifest.json', text)),
}

async function messages(kind: string): Promise<{ title: string; told: string }[]> {
  const cases = readFileSync(path.join(fixtures, `${kind}.txt`), 'utf8')
    .split(/^### /m)
    .slice(1)
  return Promise.all(
    cases.map(async (each) => {
      const at = each.indexOf('\n')
      const [title, text] = [each.slice(0, at), each.slice(at + 1).replace(/\n$/, '')]
      // One after another would be slower and no other; manifests share a file.
      return { title, told: await tell(kind, text) }
    }),
  )
}

async function tell(kind: string, text: string): Promise<string> {
  try {
    await readers[kind]?.(text)
    return 'no error'
  } catch (error) {
    assert.ok(error instanceof GloveboxError, `${text}: ${String(error)}`)
    const message = `${error.code} ${error.message.replace(home.root, '').replace(builtInFolder().path, 'built-in')}`
    return `${message}\n  fix: ${(error.fix ?? 'none').replace(builtInFolder().path, 'built-in')}`
  }
}

// A person has read every line of the snapshot. After a change of wording: GLOVEBOX_UPDATE_SNAPSHOTS=1, and read the diff.
test('each of a hundred wrong inputs is told with its place, why, and what to do', async () => {
  const file = path.join(fixtures, 'messages.txt')
  const told = []
  for (const kind of Object.keys(readers)) {
    for (const { title, told: message } of await messages(kind)) told.push(`${kind}: ${title}\n  ${message}\n`)
  }
  assert.ok(told.length >= 100, `${told.length} cases`)
  const text = told.join('\n')
  if (process.env['GLOVEBOX_UPDATE_SNAPSHOTS'] === '1') writeFileSync(file, text)
  assert.equal(text, readFileSync(file, 'utf8'))
  assert.doesNotMatch(text, /no error|fix: none|[^\P{Cc}\n]/u)
})
