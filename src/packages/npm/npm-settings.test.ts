import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { readNpmSettings } from './npm-settings.ts'

/** A Node with an npm beside it, which says this. */
function nodeThatSays(t: TestContext, script: string): string {
  const prefix = mkdtempSync(join(tmpdir(), 'glovebox-npm-settings-'))
  t.after(() => rmSync(prefix, { recursive: true }))
  const files = { node: join(prefix, 'bin/node'), npm: join(prefix, 'lib/node_modules/npm/bin/npm-cli.js') }
  for (const file of Object.values(files)) mkdirSync(dirname(file), { recursive: true })
  writeFileSync(files.npm, '')
  writeFileSync(files.node, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return files.node
}

test('npm is asked without what would load other code into it', async (t) => {
  const node = nodeThatSays(t, String.raw`printf '{"registry":"https://npm.example/%s"}' "$NODE_OPTIONS"`)
  const { urls, hostEnv } = await readNpmSettings(node, { NODE_OPTIONS: '--require=/x.js' }, undefined)
  assert.deepEqual(urls, ['https://npm.example/'])
  assert.deepEqual(hostEnv, {})
})

test('an npm that does not say how it is configured is told with its own words', async (t) => {
  const node = nodeThatSays(t, 'echo "npm error something is wrong" >&2; exit 1')
  await assert.rejects(readNpmSettings(node, {}, undefined), {
    code: 'FAILED',
    message: 'npm does not say how it is configured: npm error something is wrong',
  })
})
