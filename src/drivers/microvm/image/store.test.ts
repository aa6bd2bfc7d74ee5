import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { stageImage, startStaging } from './store.ts'

test('what a machine is started from lies in the cache, and goes with its start or with the next one', async (context) => {
  const cache = mkdtempSync(join(tmpdir(), 'glovebox-staging-'))
  context.after(() => rmSync(cache, { recursive: true }))
  const staging = startStaging({ cache })
  const killed = join(staging.staging, 'new-0123')
  mkdirSync(killed, { recursive: true })
  writeFileSync(join(killed, 'given.erofs'), 'left by a killed process')
  {
    await using first = stageImage(staging)
    assert.equal(dirname(dirname(first.directory)), cache)
    assert.equal(statSync(first.directory).mode & 0o777, 0o700)
    await using second = stageImage(staging)
    assert.ok(existsSync(first.directory) && existsSync(second.directory), 'one that is in use stays')
    assert.ok(!existsSync(killed))
  }
  assert.deepEqual(readdirSync(staging.staging), [])
})
