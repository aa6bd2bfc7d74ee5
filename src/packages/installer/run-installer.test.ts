import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { runInstaller, type InstallerCall } from './run-installer.ts'
import type { ToolResult } from '../../system/run-tool.ts'

async function run(
  t: TestContext,
  script: string,
  limits: Pick<InstallerCall, 'maxBytes' | 'timeMs'> = {},
): Promise<ToolResult> {
  const root = mkdtempSync(join(tmpdir(), 'gbx-installer-'))
  t.after(() => rmSync(root, { recursive: true }))
  const cwd = join(root, 'work')
  mkdirSync(cwd)
  return runInstaller({
    name: 'npm',
    command: ['/bin/sh', '-c', script],
    cwd,
    env: {},
    hostEnv: { PATH: '/usr/bin:/bin', HOME: root, XDG_DATA_HOME: root, XDG_STATE_HOME: root, XDG_CACHE_HOME: root },
    read: [],
    write: [cwd],
    reach: { allow: [], private: [] },
    signal: AbortSignal.timeout(30_000),
    ...limits,
  })
}

test('what an installer prints comes back with its exit code, of stderr the end', async (t) => {
  const { code, stdout, stderr } = await run(t, 'echo out; head -c 100000 /dev/zero >&2; echo err >&2; exit 3')
  assert.deepEqual([code, stdout, stderr.length, stderr.slice(-4)], [3, 'out\n', 64 * 1024, 'err\n'])
})

for (const [stream, descriptor] of [
  ['stdout', 1],
  ['stderr', 2],
])
  test(`an installer that never stops to print on ${stream} is ended`, async (t) => {
    const script = `while :; do echo 0123456789abcdef; done >&${descriptor}`
    await assert.rejects(run(t, script, { maxBytes: 100_000 }), { code: 'FAILED', message: 'npm printed too much' })
  })

test('an installer that does not end is ended when its time is over', async (t) => {
  await assert.rejects(run(t, 'sleep 1000', { timeMs: 300 }), {
    code: 'FAILED',
    message: /^npm was ended: .*longer than its 300 ms/,
  })
})
