import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { usualRunners } from '../support/as-user.ts'
import { eventually } from '../support/eventually.ts'
import { start } from '../support/mcp-client.ts'

for (const runner of usualRunners()) {
  test(`a launcher that somebody has stopped is killed when its sandbox is to end (${runner.name})`, async (t) => {
    const server = path.join(runner.root, 'test/fixtures/moody-server.mjs')
    const { child, ended } = start(runner, ['run', '--', 'node', server])
    child.stdin?.write('{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n')
    await once(child.stdout ?? assert.fail(), 'data')
    const launcher = childrenOf(child.pid ?? 0).find((pid) => commandOf(pid).includes('glovebox-inside'))
    assert.ok(launcher !== undefined)
    t.after(() => isThere(launcher) && process.kill(launcher, 'SIGKILL'))
    const below = descendantsOf(launcher)
    assert.ok(below.length > 0)
    process.kill(launcher, 'SIGSTOP')
    child.stdin?.end()
    assert.equal((await ended).code, 0)
    await eventually(() => ([launcher, ...below].some(isThere) ? undefined : true))
  })
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.trim().split(' ').filter(Boolean).map(Number)
}

function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)])
}

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false // it has ended
  }
}
