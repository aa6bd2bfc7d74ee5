import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { GloveboxError } from '../../errors.ts'
import { places } from '../../system/places.ts'
import { kvmTrial, type TrialOptions } from './kvm-trial.ts'

function trialOf(home: string, boot: TrialOptions['boot'], more: Partial<TrialOptions> = {}) {
  const at = places({ GLOVEBOX_HOME: home })
  // Any file: the node is only looked at, and no guest is booted.
  return kvmTrial({
    vmm: 'qemu',
    places: at,
    about: ['QEMU 7.2'],
    device: join(home, 'device'),
    boot,
    signal: AbortSignal.timeout(60_000),
    ...more,
  })
}

function home(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'glovebox-kvm-'))
  context.after(() => rmSync(directory, { recursive: true }))
  writeFileSync(join(directory, 'device'), '', { mode: 0o600 })
  return directory
}

const stands: TrialOptions['boot'] = async (signal) =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('ended')), { once: true })
  })

suite('a trial of KVM', () => {
  test('what came of it is remembered, with the time that it took, until something changes', async (context) => {
    const at = home(context)
    const trial = trialOf(at, async () => undefined)
    assert.equal(trial.known(), undefined)
    assert.equal((await trial.run()).ok, true)
    const later = trialOf(at, stands).known()
    assert.ok(later?.ok === true && later.answeredMs >= 0)
    assert.equal(trialOf(at, stands, { about: ['QEMU 8.2'] }).known(), undefined)
    chmodSync(join(at, 'device'), 0o660)
    assert.equal(trialOf(at, stands).known(), undefined, 'somebody was given the device')
  })

  test('a guest that never answers is given up, and one that ends gives its reason', async (context) => {
    const at = home(context)
    const late = await trialOf(at, stands, { limitMs: 50 }).run()
    assert.ok(!late.ok)
    assert.match(late.reason, /did not answer within/)
    const error = new GloveboxError('NOT_STARTED', 'QEMU: failed to initialize kvm', { fix: 'load kvm_amd' })
    const ended = await trialOf(at, async () => Promise.reject(error)).run()
    assert.deepEqual(ended, {
      ok: false,
      reason: 'a guest does not boot on it: QEMU: failed to initialize kvm',
      fix: 'load kvm_amd',
    })
    assert.deepEqual(trialOf(at, stands).known(), ended)
  })

  test('a guest that was gone before it answered is booted once more, and not a third time', async (context) => {
    let boots = 0
    const gone = new GloveboxError('CHANNEL_LOST', 'the virtual machine has ended', {})
    const endsFor =
      (times: number): TrialOptions['boot'] =>
      async () => {
        boots++
        if (boots <= times) throw gone
      }
    assert.equal((await trialOf(home(context), endsFor(1)).run()).ok, true)
    assert.equal(boots, 2)
    boots = 0
    const never = await trialOf(home(context), endsFor(9)).run()
    assert.ok(!never.ok)
    assert.match(never.reason, /the virtual machine has ended/)
    assert.equal(boots, 2)
  })

  test('of two starts at once one boots a guest, and the other takes its word', async (context) => {
    const at = home(context)
    const { promise: booted, resolve: answer } = Promise.withResolvers<undefined>()
    const { promise: waits, resolve: isWaiting } = Promise.withResolvers<undefined>()
    let boots = 0
    const boot = async (): Promise<void> => {
      boots++
      await booted
    }
    const first = trialOf(at, boot).run()
    const second = trialOf(at, boot, { onLong: () => isWaiting(undefined) }).run()
    await waits
    answer(undefined)
    assert.deepEqual(await first, await second)
    assert.equal(boots, 1)
  })

  test('a start that is given up remembers nothing', async (context) => {
    const at = home(context)
    const owner = new AbortController()
    const run = trialOf(at, stands, { signal: owner.signal }).run()
    owner.abort(new Error('the user does not wait'))
    await assert.rejects(run, /does not wait/)
    assert.equal(trialOf(at, stands).known(), undefined)
  })

  test('a mistake of ours is no word about the host', async (context) => {
    const at = home(context)
    await assert.rejects(trialOf(at, async () => Promise.reject(new Error('a bug'))).run(), /a bug/)
    assert.equal(trialOf(at, stands).known(), undefined)
  })
})
