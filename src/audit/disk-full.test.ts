import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { runners } from '../../test/support/as-user.ts'
import { unlessPresent } from '../../test/support/requirement.ts'

/** What test/support/record-on-full-disk.ts reports. */
interface Report {
  readonly refused: { readonly code: string; readonly message: string; readonly fix: string }
  readonly refusedStart?: { readonly code: string; readonly message: string; readonly fix: string }
  readonly before: number
  readonly whileFull: {
    readonly events: number
    readonly tornBytes: number
    readonly state: string
    readonly heads: string
  }
  readonly after: { readonly events: number; readonly state: string; readonly unwritten: number | null }
}

const namespaces = spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'true']).status === 0
const skip = unlessPresent('USERNS', namespaces ? undefined : 'this host gives no user namespaces')

for (const runner of runners()) {
  const script = path.join(runner.root, 'test/support/record-on-full-disk.ts')

  test(`a full disk refuses events and starts, and keeps all that was said (${runner.name})`, { skip }, () => {
    const mount = path.join(runner.tmp, 'full')
    mkdirSync(mount, { recursive: true })
    chmodSync(mount, 0o777)
    // A file system of its own in a mount namespace of its own: nothing of the host's fills up.
    const inside = 'mount -t tmpfs -o size=3m,mode=1777 none "$0" && exec "$@"'
    const args = ['--user', '--map-root-user', '--mount', 'sh', '-c', inside, mount, runner.node, script, mount, 'fill']
    const report = parse(runner.spawnSync('unshare', args))
    assert.equal(report.refused.code, 'AUDIT_UNWRITABLE')
    assert.match(report.refused.message, /no space is left/)
    assert.match(report.refused.fix, /free some space .* GLOVEBOX_HOME/)
    assert.equal(report.refusedStart?.code, 'AUDIT_UNWRITABLE')
    assert.match(report.refusedStart.message, /no space is left/)
    assert.deepEqual(report.whileFull, { events: report.before, tornBytes: 0, state: 'ok', heads: 'full' })
    assert.deepEqual(report.after, { events: report.before + 2, state: 'ok', unwritten: 1 })
  })

  test(`a limit on the size of files refuses events, and keeps all that was said (${runner.name})`, () => {
    const directory = path.join(runner.tmp, 'limited')
    const report = parse(runner.spawnSync('prlimit', ['--fsize=200000', runner.node, script, directory, 'limit']))
    assert.equal(report.refused.code, 'AUDIT_UNWRITABLE')
    assert.match(report.refused.message, /limit on the size of a file/)
    assert.match(report.refused.fix, /ulimit/)
    assert.deepEqual(report.whileFull, { events: report.before, tornBytes: 0, state: 'ok', heads: 'kept' })
  })

  test(`a directory that may not be written stops a start (${runner.name})`, () => {
    const run = runner.spawnSync(runner.node, [script, '/proc/glovebox-audit', 'deny'])
    const { refused } = parse(run)
    assert.equal(refused.code, 'AUDIT_UNWRITABLE')
    assert.match(refused.fix, /GLOVEBOX_HOME/)
  })
}

function parse(run: { readonly status: number | null; readonly stdout: string; readonly stderr: string }): Report {
  assert.equal(run.status, 0, run.stderr)
  return JSON.parse(run.stdout) as Report
}
