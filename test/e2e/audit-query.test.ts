import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runners } from '../support/as-user.ts'
import { glovebox } from '../support/mcp-client.ts'

for (const runner of runners()) {
  const cli = (args: readonly string[]) => {
    const [program, ...words] = glovebox(runner, args)
    return runner.spawnSync(program, words)
  }

  test(`what a program did is found by kind, program and time, and rotated files verify (${runner.name})`, () => {
    const script = 'for i in 1 2 3 4 5 6 7 8; do /bin/true; done; /usr/bin/env'
    const [program, ...words] = glovebox(runner, ['exec', '--name', 'asked', '--', 'sh', '-c', script])
    const run = runner.spawnSync('env', ['GLOVEBOX_AUDIT_SIZE=0.002', program, ...words])
    assert.equal(run.status, 0, run.stderr)
    const found = cli([
      'audit',
      'query',
      '--server',
      'asked',
      '--kind',
      'exec',
      '--program',
      'true',
      '--since',
      '1h',
      '--json',
    ])
    assert.equal(found.status, 0, found.stderr)
    assert.equal(found.stdout.trimEnd().split('\n').length, 8)
    const table = cli(['audit', 'query', '--server', 'asked', '--program', 'env', '-n', '1']).stdout
    assert.match(table, /^time .*\n.* asked .* exec +recorded .*\/usr\/bin\/env\n$/)
    assert.equal(cli(['audit', 'query', '--server', 'asked', '--since', '1h', '--until', '30m']).stdout, '')
    const verified = cli(['audit', 'verify'])
    assert.equal(verified.status, 0, verified.stdout + verified.stderr)
    assert.match(verified.stdout, /gbx-[0-9a-f]{12}\.1\b/)
  })
}
