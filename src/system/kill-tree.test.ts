import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { killTree } from './kill-tree.ts'

test('a process ends with its children and theirs, which hold its output open', async () => {
  const child = spawn('sh', ['-c', "sh -c 'sleep 60 & echo $!; wait' & wait"], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  const closed = once(child, 'close')
  killTree(child.pid ?? assert.fail('it runs'))
  // `close` comes when nobody has its output any more.
  assert.deepEqual(await closed, [null, 'SIGKILL'])
  assert.ok(Number(said.toString()) > 0)
})

test('a process that is gone is no error', async () => {
  const child = spawn('true')
  await once(child, 'close')
  killTree(child.pid ?? assert.fail('it ran'))
})
