import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chownSync, mkdtempSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { StatusHere } from '../../support/launching.ts'
import { usualRunners } from '../../support/as-user.ts'
import { moody } from '../../support/launching.ts'
import { glovebox } from '../../support/mcp-client.ts'
import { unlessPresent } from '../../support/requirement.ts'

/**
 * In a mount namespace of its own: two servers, a disk that another program fills, one of them called until its record has no room, and
 * then again room. `$1` is the home, `$2` what a server is launched from, the rest our own command line.
 */
const script = `
set -e
mount -t tmpfs -o size=24m,mode=1777 none "$1"
export GLOVEBOX_HOME="$1"; server="$2"; shift 2
"$@" launch --name talk -- $server >&2
"$@" launch --name quiet -- $server >&2
"$@" call quiet count
cat /dev/zero 2>/dev/null >"$GLOVEBOX_HOME/filler" || true
calls=0
while "$@" call talk count >&2; do calls=$((calls + 1)); [ $calls -lt 200 ]; done
"$@" status --json | tr -d '\\n'; echo
rm "$GLOVEBOX_HOME/filler"
tries=0
until "$@" call talk count; do tries=$((tries + 1)); [ $tries -lt 10 ]; done
"$@" call quiet count
"$@" status --json | tr -d '\\n'; echo
"$@" stop --all >&2
`

const skip = unlessPresent('USERNS', canMount() ? undefined : 'this host gives no user namespaces')

for (const runner of usualRunners()) {
  test(`a full disk ends the launched server whose record has no room, and no other (${runner.name})`, { skip }, () => {
    const home = mkdtempSync(path.join(runner.tmp, 'full-'))
    chownSync(home, runner.uid, runner.gid)
    const words = ['-rm', 'sh', '-c', script, 'sh', home, moody(runner).join(' '), ...glovebox(runner, [])]
    const run = runner.spawnSync('unshare', words)
    assert.equal(run.status, 0, run.stderr)
    const [first, whileFull, again, second, after] = run.stdout.trim().split('\n')
    assert.deepEqual([first, again, second], ['1', '1', '2'], 'the quiet one has counted on')
    const [full, then] = [whileFull, after].map((text) => JSON.parse(text ?? '') as StatusHere)
    const of = (status: StatusHere | undefined, name: string): StatusHere['servers'][number] =>
      status?.servers.find((server) => server.name === name) ?? assert.fail()
    assert.match(of(full, 'talk').why ?? '', /the audit record .* no space is left/)
    assert.deepEqual(
      [of(full, 'quiet').state, of(then, 'quiet').state, of(then, 'talk').state],
      Array(3).fill('running'),
    )
    assert.equal(of(then, 'quiet').id, of(full, 'quiet').id)
    assert.notEqual(of(then, 'talk').id, of(full, 'talk').id)
  })
}

function canMount(): boolean {
  return spawnSync('unshare', ['-rm', 'true']).status === 0
}
