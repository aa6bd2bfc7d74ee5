import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'

/** Says on stdout how often some of its 500,000 bytes were taken before all of them were. */
const writer = `
import { writeStderr } from ${JSON.stringify(path.resolve(import.meta.dirname, 'write-stderr.ts'))}
const keepAlive = setInterval(() => undefined, 1000)
let taken = 0
const written = writeStderr(Buffer.alloc(500_000, 'x'), () => taken++)
process.stdout.write('waits\\n')
await written
process.stdout.write(String(taken))
clearInterval(keepAlive)
`

test('who waits for a reader is told of what it takes meanwhile', async () => {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', writer], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  await once(child.stdout, 'readable')
  const [said, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  assert.equal(errors.length, 500_000)
  const [, taken] = /^waits\n(\d+)$/.exec(said) ?? assert.fail(said)
  assert.ok(Number(taken) > 0, taken)
})
