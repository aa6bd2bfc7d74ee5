import assert from 'node:assert/strict'
import { afterEach, suite, test } from 'node:test'
import { createMicrovmDriver } from '../../src/drivers/microvm/microvm-driver.ts'
import type { MicrovmHost } from '../../src/drivers/microvm/microvm-host.ts'
import { startMicrovm } from '../../src/drivers/microvm/start.ts'
import { listTemplates } from '../../src/drivers/microvm/vmm/template-store.ts'
import { createContract } from '../contract/context.ts'
import { arm64Host, whyNoArm64 } from '../support/arm64.ts'
import { unlessPresent } from '../support/requirement.ts'

const missing = unlessPresent('ARM64', whyNoArm64())

/** What a sandbox's program says of where it is. */
const look =
  'uname -m; id -u; grep -E "^(NoNewPrivs|Seccomp|CapEff):" /proc/self/status; cat /proc/sys/kernel/random/boot_id; cat /etc/hostname; head -c 16 /dev/urandom | od -An -tx1'

suite('an emulated machine of arm64', { skip: missing, timeout: 600_000 }, async () => {
  const host: MicrovmHost | undefined = missing === false ? await arm64Host() : undefined
  if (host === undefined) return
  const driver = {
    ...createMicrovmDriver(host.env),
    start: async (...[plan, options, signal]: Parameters<ReturnType<typeof createMicrovmDriver>['start']>) =>
      startMicrovm(host, plan, options, signal),
  }
  const contract = createContract(driver)
  afterEach(contract.stopAll)

  test('boots by our init into a template, from which sandboxes are cloned, each a machine of its own', async () => {
    const said: string[][] = []
    for (let round = 0; round < 2; round++) {
      const ran = await contract.run(contract.plan(['/bin/sh', '-c', look]))
      assert.equal(ran.exit.code, 0, ran.stderr.toString())
      said.push(ran.stdout.toString().split('\n'))
    }
    const [first = [], second = []] = said
    assert.deepEqual(first.slice(0, 5), [
      'aarch64',
      '1000',
      'CapEff:\t0000000000000000',
      'NoNewPrivs:\t1',
      'Seccomp:\t2',
    ])
    assert.deepEqual(second.slice(0, 5), first.slice(0, 5))
    for (const index of [5, 6, 7]) assert.notEqual(first[index], second[index], 'it is the clone’s own')
    const templates = listTemplates(host.templates)
    assert.ok(templates.some(({ record }) => record.image === host.image.record.digest && record.level === 'boot'))
  })

  test('has every control in its guest that one of x86 has', async () => {
    const { wall } = await contract.run(contract.plan(['/bin/true']))
    const { enforcements, kernel, landlockAbi, seccomp } = wall.receipt
    assert.match(kernel, /-arm64$/)
    assert.ok(landlockAbi > 0)
    assert.match(seccomp ?? '', /^[0-9a-f]{64}$/)
    assert.deepEqual(
      enforcements.filter(({ enforced }) => !enforced),
      [],
    )
    const held = enforcements.find(({ control }) => control === 'kernel')
    assert.equal(held?.mechanism, `seccomp filter ${seccomp?.slice(0, 12)}: allowlist`)
  })
})
