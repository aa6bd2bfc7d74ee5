import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tellingOfFullDisk } from './full-disk.ts'

function failing(code: string): Promise<never> {
  return Promise.reject(Object.assign(new Error(`${code}: no space left on device, write`), { code }))
}

test('a full disk, and a full quota, is said with what helps', async () => {
  for (const code of ['ENOSPC', 'EDQUOT']) {
    await assert.rejects(tellingOfFullDisk(failing(code)), {
      code: 'NOT_STARTED',
      message: `the virtual machine could not be made: ${code}: no space left on device, write`,
      fix: /glovebox template purge/,
    })
  }
})

test('other errors, and what comes of a start, are left as they are', async () => {
  await assert.rejects(tellingOfFullDisk(failing('EIO')), { code: 'EIO' })
  assert.equal(await tellingOfFullDisk(Promise.resolve(7)), 7)
})
