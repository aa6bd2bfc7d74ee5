import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import { findFirecracker, firecrackerVersion } from '../../src/drivers/microvm/firecracker/find.ts'
import { GloveboxError } from '../../src/errors.ts'
import { runNested, whyNotNested } from '../support/nested/nested.ts'
import { unlessPresent } from '../support/requirement.ts'

/** Why Firecracker cannot be tried here; undefined when it can. None is downloaded: who has one puts it into PATH. */
async function whyNoFirecracker(): Promise<string | undefined> {
  try {
    await firecrackerVersion(findFirecracker(process.env))
  } catch (error) {
    if (error instanceof GloveboxError) return error.message
    throw error
  }
  return whyNotNested()
}

function steps(output: string): ReadonlyMap<string, string> {
  const parts = output.split(/^=== (.*)\n/m).slice(1)
  return new Map(parts.flatMap((name, at) => (at % 2 === 0 ? [[name, (parts[at + 1] ?? '').trim()]] : [])))
}

/**
 * One machine for all of it. The user has control groups, as systemd gives them: without, their jail has no memory files, which
 * Firecracker needs (docs/microvm.md, "Two VMMs").
 */
const script = `
step() { echo "=== $1"; }
ended() { "$@" 2>&1 || echo "exit $?"; }
glove() { as_user node /opt/glovebox/bin/glovebox.cjs "$@"; }
groups=/sys/fs/cgroup/alice
echo '+cpu +memory +pids' > /sys/fs/cgroup/cgroup.subtree_control
mkdir $groups
echo '+cpu +memory +pids' > $groups/cgroup.subtree_control
mkdir $groups/login
for each in $groups $groups/login; do
  chown alice $each $each/cgroup.procs $each/cgroup.subtree_control $each/cgroup.threads
done
cd /tmp
step ungrouped; (export PATH=/opt/brought:$PATH; ended glove exec --vmm firecracker -- true)
echo $$ > $groups/login/cgroup.procs
step none; ended glove exec --vmm firecracker -- true
export PATH=/opt/brought:$PATH
step emulated; GLOVEBOX_ACCEL=tcg ended glove exec --vmm firecracker -- true
step boot; ended glove exec --vmm firecracker -- uname -r
step chosen; ended glove exec --driver microvm -- sh -c 'ls /dev /sys/class/net; cat /proc/sys/kernel/random/boot_id'
step templates; ended glove template list --json
step receipts; cat /home/alice/home/state/audit/*.jsonl | grep -o '"microvm: [^";]*' | sort -u
step unchecked; cat /home/alice/home/state/audit/*.jsonl | grep -o 'this Firecracker is not linked' | sort -u
step one; ended glove exec --vmm firecracker -- sh -c 'head -c 16 /dev/urandom | od -An -tx1; cat /etc/machine-id'
step two; ended glove exec --vmm firecracker -- sh -c 'head -c 16 /dev/urandom | od -An -tx1; cat /etc/machine-id'
step vsock; ended glove exec --vmm firecracker -- python3 -c 'import socket; socket.socket(40, 1)'
step killed; glove exec --vmm firecracker -- sleep 1000 & owner=$!
until pgrep -x firecracker > /dev/null; do sleep 0.2; done
sleep 3; kill -9 $(pgrep -x firecracker); code=0; wait $owner || code=$?; echo "owner $code"
step left; ended glove exec --vmm firecracker -- echo again
pgrep -x firecracker || echo none; ls -A /home/alice/home/cache/machines /home/alice/home/cache/templates/staging
step cut; for state in /home/alice/home/cache/templates/*/machine/state; do chmod 600 $state; echo x >> $state; done
ended glove exec --vmm firecracker -- echo made anew
step end
`

const missing = unlessPresent('FIRECRACKER', await whyNoFirecracker())

suite('machines of Firecracker', { skip: missing, timeout: 30 * 60_000 }, () => {
  let said: ReadonlyMap<string, string> = new Map()
  let told = ''
  const step = (name: string): string => said.get(name) ?? assert.fail(`no step ${name}:\n${told}`)

  before(async () => {
    const bring = { firecracker: findFirecracker(process.env) }
    const run = await runNested({ script, bring, limitMs: 25 * 60_000 })
    said = steps(run.output)
    told = run.told
    assert.equal(run.code, 0, told)
  })

  test('one that is asked for by name and not there is an error with where to get it', () => {
    assert.match(step('none'), /there is no firecracker in PATH/)
    assert.match(step('none'), /firecracker\/releases/)
    assert.match(step('none'), /^exit 3$/m)
    assert.match(step('emulated'), /Firecracker runs on KVM alone/)
  })

  test('without control groups it cannot have its queues, and says what helps', () => {
    assert.match(step('ungrouped'), /cannot create a memfd/)
    assert.match(step('ungrouped'), /doctor --fix/)
    assert.match(step('ungrouped'), /^exit 3$/m)
  })

  test('a guest boots with it, and where that has been seen it is taken without being asked for', () => {
    assert.match(step('boot'), /^6\.1\./m, told)
    assert.match(step('receipts'), /^"microvm: Firecracker [\d.a-z-]+, KVM$/, told)
    assert.match(step('templates'), /"Firecracker [\d.a-z-]+, KVM"/)
    assert.match(step('chosen'), /^urandom$/m)
  })

  test('a guest has no network device but its own loopback, no KVM, and no sockets to the host', () => {
    assert.doesNotMatch(step('chosen'), /^(eth|ens|kvm|vsock)/m, told)
    assert.match(step('vsock'), /exit \d+/)
  })

  test('two clones of one template draw different random numbers, and have ids of their own', () => {
    const lines = [step('one'), step('two')].map((each) => each.split('\n'))
    assert.equal(lines[0]?.length, 2, told)
    assert.notEqual(lines[0]?.[0], lines[1]?.[0])
    assert.notEqual(lines[0]?.[1], lines[1]?.[1])
  })

  test('nothing is left of a Firecracker that is killed, and the next command works', () => {
    assert.match(step('killed'), /^owner (?!0$)\d+$/m, told)
    assert.match(step('left'), /^again$/m)
    assert.match(step('left'), /^none$/m)
    assert.doesNotMatch(step('left'), /new-|~/)
  })

  test('a template whose state was changed is made anew', () => {
    assert.match(step('cut'), /^made anew$/m, told)
    assert.match(step('cut'), /booting a virtual machine to clone from/)
  })
})
