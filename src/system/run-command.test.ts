import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCommand } from './run-command.ts'

test('how a program ended is told, by its code or by its signal', async () => {
  assert.deepEqual(await runCommand('sh', ['-c', 'echo said; echo wrong >&2; exit 3']), {
    code: 3,
    signal: null,
    stdout: 'said\n',
    stderr: 'wrong\n',
  })
  const { code, signal } = await runCommand('sh', ['-c', 'kill -TERM $$'])
  assert.deepEqual([code, signal], [null, 'SIGTERM'])
})

test('a program that cannot be started, or says too much, is an error, and no exit code', async (context) => {
  const base = mkdtempSync(join(tmpdir(), 'glovebox-command-'))
  context.after(() => rmSync(base, { recursive: true }))
  const noInterpreter = join(base, 'program')
  writeFileSync(noInterpreter, '#!/no/such/interpreter\n', { mode: 0o755 })
  const notExecutable = join(base, 'file')
  writeFileSync(notExecutable, '')
  await assert.rejects(runCommand(join(base, 'none'), []), { code: 'ENOENT' })
  await assert.rejects(runCommand(noInterpreter, []), { code: 'ENOENT' })
  await assert.rejects(runCommand(notExecutable, []), { code: 'EACCES' })
  await assert.rejects(runCommand('sh', ['-c', 'head -c 5000000 /dev/zero']), {
    code: 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER',
  })
})
