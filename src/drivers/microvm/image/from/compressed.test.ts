import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { readUnpacked, unpackedBudget } from './compressed.ts'

test('what is packed small is not unpacked without end, one file after another', async (context) => {
  const base = mkdtempSync(join(tmpdir(), 'glovebox-bomb-'))
  context.after(() => rmSync(base, { recursive: true }))
  const path = join(base, 'layer.gz')
  writeFileSync(path, gzipSync(Buffer.alloc(10 * 1024 ** 2)))
  const budget = unpackedBudget(15 * 1024 ** 2)
  let bytes = 0
  const count = async (chunk: Buffer): Promise<void> => void (bytes += chunk.length)
  await readUnpacked(path, count, undefined, budget)
  await assert.rejects(readUnpacked(path, count, undefined, budget), /more comes out of it than an image may have/)
  assert.ok(bytes <= 15 * 1024 ** 2)
})
