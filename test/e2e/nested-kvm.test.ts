import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { whyNotNested } from '../support/nested/nested.ts'
import { ranBefore } from '../support/nested/ran.ts'
import { stepWords } from '../support/nested/steps.ts'
import { unlessPresent } from '../support/requirement.ts'

/** One machine for all of it, since it is up only after a while. What fails says so in the step's output. */
const script = `
${stepWords}
alice() { as_user "$@"; }
bob() { setpriv --reuid=2000 --regid=2000 --clear-groups env HOME=/tmp/bob GLOVEBOX_HOME=/tmp/bob "$@"; }
program="node /opt/glovebox/bin/glovebox.cjs"

step boot; ended alice $program exec --driver microvm -- sh -c 'ls /dev; uname -r; grep -cE " (svm|vmx)( |$)" /proc/cpuinfo || :'
step memo; cat /home/alice/home/cache/microvm-host.json
step clone; ended alice $program exec --driver microvm -- cat /proc/uptime
step templates; ended alice $program template list --json
step receipts; cat /home/alice/home/state/audit/*.jsonl | grep -o '"microvm: QEMU[^";]*' | sort -u
step root; ended glovebox exec --driver microvm -- echo from a machine of root
step jail; ended alice $program exec -- sh -c 'ls /dev; exec 3<> /dev/kvm'
mkdir -m 700 /tmp/bob /tmp/bob/data && cp -r /root/home/data/images /tmp/bob/data/ && chown -R 2000:2000 /tmp/bob
step named; GLOVEBOX_ACCEL=kvm ended bob $program exec --driver microvm -- true
step end
`

/** Four to six minutes were measured on two processors that ten others wanted; a machine that locks up is started once more. */
const limitMs = 9 * 60_000
const patience = { timeout: 20 * 60_000 }

suite('machines on KVM', { skip: unlessPresent('QEMU', whyNotNested()), ...patience }, () => {
  const ran = ranBefore({ script, limitMs }, patience)
  const step = (name: string): string => ran.step(name)

  test('where a guest boots on it, machines run on KVM, and that is found out once', () => {
    const { kvm } = JSON.parse(step('memo')) as { readonly kvm: { readonly value: { readonly ok: boolean } } }
    assert.equal(kvm.value.ok, true, ran.told)
    assert.match(step('boot'), /trying whether a virtual machine runs here \(QEMU [\d.]+, KVM\); once on this host/)
    assert.doesNotMatch(step('clone'), /trying whether/)
  })

  test('a guest has no KVM of its own, neither the device nor the processor for it', () => {
    const words = step('boot').split('\n')
    assert.ok(words.includes('urandom') && !words.includes('kvm'), ran.told)
    assert.equal(words.at(-1), '0', ran.told)
  })

  test('a template is made on KVM, and a clone of it answers', () => {
    assert.match(step('templates'), /"QEMU [\d.]+, KVM"/)
    assert.match(step('clone'), /^\d+\.\d+ \d+\.\d+$/, ran.told)
  })

  test('the receipt says KVM, and nothing else', () => {
    assert.match(step('receipts'), /^"microvm: QEMU [\d.]+, KVM$/)
  })

  test('root’s machines run on it too, as an id of nobody’s that has the group of the device', () => {
    assert.match(step('root'), /^from a machine of root$/m)
  })

  test('a sandbox that runs no machines has no such device', () => {
    const words = step('jail').split('\n')
    assert.ok(words.includes('urandom') && !words.includes('kvm'), ran.told)
    assert.match(step('jail'), /cannot create \/dev\/kvm/)
  })

  test('KVM by name is never replaced: whom the device is not for hears how to change that', () => {
    assert.match(step('named'), /KVM is asked for by name, and \/dev\/kvm is not for this user/)
    assert.match(step('named'), /fix: sudo usermod -aG kvm/)
    assert.match(step('named'), /^exit 3$/m)
  })
})
