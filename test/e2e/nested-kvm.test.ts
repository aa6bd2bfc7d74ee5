import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { runNested, whyNotNested } from '../support/nested/nested.ts'
import { unlessPresent } from '../support/requirement.ts'

/** What the machine's script prints before each of its answers. */
function answers(output: string): Map<string, string> {
  const parts = output.split(/^=== (.*)\n/m).slice(1)
  return new Map(parts.flatMap((name, index) => (index % 2 === 0 ? [[name, (parts[index + 1] ?? '').trim()]] : [])))
}

const script = `
step() { echo "=== $1"; }
step kernel; uname -r
step first; as_user node /opt/glovebox/bin/glovebox.cjs exec --driver microvm -- sh -c 'uname -r; ls /dev; grep -cE " (svm|vmx) " /proc/cpuinfo || :' 2> /tmp/first.err || { cat /tmp/first.err; exit 1; }
step told; cat /tmp/first.err
step remembered; cat /home/alice/home/cache/microvm-host.json
step templates; as_user node /opt/glovebox/bin/glovebox.cjs template list --json
step second; as_user node /opt/glovebox/bin/glovebox.cjs exec --driver microvm -- cat /proc/uptime
step receipt; cat /home/alice/home/state/audit/*.jsonl | grep -o '"microvm: QEMU[^"]*"' | sort | uniq -c
step root; glovebox exec --driver microvm -- echo from root
step jail; as_user node /opt/glovebox/bin/glovebox.cjs exec -- sh -c 'ls /dev; echo x > /dev/kvm' 2>&1 || :
step outsider; setpriv --reuid=2000 --regid=2000 --clear-groups env HOME=/tmp GLOVEBOX_HOME=/tmp/outsider GLOVEBOX_ACCEL=kvm node /opt/glovebox/bin/glovebox.cjs exec --driver microvm -- true 2>&1 || echo "exit $?"
step end
`

suite('machines on KVM', { skip: unlessPresent('QEMU', whyNotNested()) }, () => {
  test('a machine is booted on it, cloned, and answers', { timeout: 15 * 60_000 }, async () => {
    const { code, output, told } = await runNested({ script })
    process.stderr.write(told)
    assert.equal(code, 0, told)
    const by = answers(output)
    assert.ok(by.has('end'), told)
  })
})
