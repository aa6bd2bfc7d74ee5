import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { broughtFirecracker, userGroups, whyNoFirecracker } from '../support/nested/firecracker.ts'
import { ranBefore } from '../support/nested/ran.ts'
import { stepWords } from '../support/nested/steps.ts'
import { unlessPresent } from '../support/requirement.ts'

/** One machine for all of it. */
const script = `
${stepWords}
${userGroups}
cd /tmp
step ungrouped; (export PATH=/opt/brought:$PATH; ended glove exec --vmm firecracker -- true)
step root; (
  export PATH=/opt/brought:$PATH
  for each in one two; do
    glovebox exec --vmm firecracker -- sh -c 'echo running; sleep 1000' > /tmp/$each 2>&1 & eval "$each=$!"
  done
  until grep -q running /tmp/one && grep -q running /tmp/two; do kill -0 $one $two; sleep 0.2; done
  for pid in $(pgrep -x firecracker); do
    echo "# $pid"
    grep -E '^(Uid|Gid|NSpid|NoNewPrivs|Seccomp|CapBnd):' /proc/$pid/status
    for each in cgroup ipc mnt net pid user uts; do
      [ $(readlink /proc/$pid/ns/$each) = $(readlink /proc/1/ns/$each) ] || echo "own $each"
    done
    groups=/sys/fs/cgroup$(cut -d: -f3 /proc/$pid/cgroup)
    for each in memory pids cpu; do echo "$each $(cat $groups/$each.max)"; done
    ls /proc/$pid/root/dev
  done
  kill -KILL $(pgrep -x firecracker)
  wait
)
step named; cat /root/home/state/audit/*.jsonl | grep -o '"vmm in [^:]*' | sort -u
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
  const ran = ranBefore({ script, bring: broughtFirecracker(), limitMs: 25 * 60_000 })
  const step = (name: string): string => ran.step(name)

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

  test('each of root’s machines has an id, a root, a pid namespace and a control group of its own, and more than a jailer gives', () => {
    const machines = step('root')
      .split(/^# \d+\n/m)
      .slice(1)
    assert.equal(machines.length, 2, ran.told)
    for (const facts of machines) {
      const [, uid = '', pids = ''] = /^Uid:\t(\d+)[^]*^NSpid:\t\d+\t(\d+)$/m.exec(facts) ?? []
      assert.ok(Number(uid) >= 0x7000_0000 && Number(pids) > 0, facts)
      for (const each of ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'])
        assert.match(facts, new RegExp(`^own ${each}$`, 'm'))
      assert.match(facts, /^memory \d+$/m)
      assert.match(facts, /^pids \d+$/m)
      assert.match(facts, /^cpu \d+ \d+$/m)
      assert.match(facts, /^CapBnd:\t0+$/m)
      assert.match(facts, /^NoNewPrivs:\t1$/m)
      assert.match(facts, /^Seccomp:\t2$/m)
      // What the jailer makes there too.
      assert.doesNotMatch(facts, /^(net|userfaultfd)$/m)
    }
    const [one, two] = machines.map((facts) => /^Uid:\t(\d+)/m.exec(facts)?.[1])
    assert.notEqual(one, two)
    assert.match(step('named'), /^"vmm in Glovebox’s jail$/)
  })

  test('a guest boots with it, and where that has been seen it is taken without being asked for', () => {
    assert.match(step('boot'), /^6\.1\./m, ran.told)
    assert.match(step('receipts'), /^"microvm: Firecracker [\d.a-z-]+, KVM$/, ran.told)
    assert.match(step('templates'), /"Firecracker [\d.a-z-]+, KVM"/)
    assert.match(step('chosen'), /^urandom$/m)
  })

  test('a guest has no network device but its own loopback, no KVM, and no sockets to the host', () => {
    assert.doesNotMatch(step('chosen'), /^(eth|ens|kvm|vsock)/m, ran.told)
    assert.match(step('vsock'), /exit \d+/)
  })

  test('two clones of one template draw different random numbers, and have ids of their own', () => {
    const lines = [step('one'), step('two')].map((each) => each.split('\n'))
    assert.equal(lines[0]?.length, 2, ran.told)
    assert.notEqual(lines[0]?.[0], lines[1]?.[0])
    assert.notEqual(lines[0]?.[1], lines[1]?.[1])
  })

  test('nothing is left of a Firecracker that is killed, and the next command works', () => {
    assert.match(step('killed'), /^owner (?!0$)\d+$/m, ran.told)
    // Also where it was not yet a sandbox with a program.
    assert.match(step('killed'), /Firecracker was killed by signal 9/)
    assert.match(step('left'), /^again$/m)
    assert.match(step('left'), /^none$/m)
    assert.doesNotMatch(step('left'), /new-|~/)
  })

  test('a template whose state was changed is made anew', () => {
    assert.match(step('cut'), /^made anew$/m, ran.told)
    assert.match(step('cut'), /booting a virtual machine to clone from/)
  })
})
