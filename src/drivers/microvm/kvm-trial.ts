import { readFileSync, statSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { holding } from '../../system/mutex.ts'
import type { Places } from '../../system/places.ts'
import { kvmDevice, type KvmTrial, type Tried } from './accelerator.ts'
import { openMemo } from './memo.ts'

export interface TrialOptions {
  /** Of the VMM that is tried. */
  readonly vmm: 'qemu' | 'firecracker'
  readonly places: Places
  /** What else the outcome depends on: the VMM as it is installed, the processor, the guest. */
  readonly about: readonly unknown[]
  /** Boots a guest until its inside answers, and ends it. @throws GloveboxError, and nothing is left of it */
  readonly boot: (signal: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
  /** It takes longer than a second. */
  readonly onLong?: (() => void) | undefined
  readonly limitMs?: number
  readonly device?: string
}

/**
 * A guest answers in a second; on KVM that is emulated itself, on a busy host, it takes a minute. One that stands still never does. What
 * was seen of half a KVM ends QEMU at once.
 */
const trialMs = 120_000

export function kvmTrial({
  vmm,
  places,
  about,
  boot,
  signal,
  onLong,
  limitMs = trialMs,
  device = kvmDevice,
}: TrialOptions): KvmTrial {
  // What is remembered of QEMU is called as it was before there was another.
  const memoName = vmm === 'qemu' ? 'kvm' : `kvm-${vmm}`
  const conditions = (): readonly unknown[] => [...about, ...ofThisHost(device)]
  const known = (): Tried | undefined => openMemo(places).known(memoName, conditions()) as Tried | undefined
  const run = async (): Promise<Tried> => {
    const before = known()
    const waiting = { signal, ...(onLong && { onWait: onLong }) }
    return holding(join(places.cache, 'machine-mutexes'), `${memoName}-trial`, waiting, async () => {
      // What another process has found out while we waited for it is as good.
      const found = known()
      if (found !== undefined && JSON.stringify(found) !== JSON.stringify(before)) return found
      const outcome = await timed(boot, { vmm, signal, onLong, limitMs })
      openMemo(places).remember(memoName, conditions(), outcome)
      return outcome
    })
  }
  return { known, run }
}

/** Switches of the firmware and options of modules are others after a boot only; groups and the device's owner at any time. */
function ofThisHost(device: string): readonly unknown[] {
  const { mode, uid, gid, rdev } = statSync(device)
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return [release(), boot, mode, uid, gid, rdev, process.getuid?.(), process.getgroups?.()]
}

async function timed(
  boot: TrialOptions['boot'],
  { vmm, signal, onLong, limitMs }: Pick<TrialOptions, 'vmm' | 'signal' | 'onLong'> & { readonly limitMs: number },
): Promise<Tried> {
  const from = performance.now()
  const late = AbortSignal.timeout(limitMs)
  const long = setTimeout(() => onLong?.(), 1000)
  try {
    await bootOnceMore(boot, AbortSignal.any([signal, late]))
    return { ok: true, answeredMs: Math.round(performance.now() - from) }
  } catch (error) {
    signal.throwIfAborted()
    if (late.aborted) return { ok: false, reason: standsStill(limitMs), fix: again[vmm] }
    if (!(error instanceof GloveboxError) || error.code === 'INTERNAL') throw error
    return {
      ok: false,
      reason: `a guest does not boot on it: ${inOneLine(error.message)}`,
      fix: error.fix ?? again[vmm],
    }
  } finally {
    clearTimeout(long)
  }
}

/**
 * A guest that began and was gone before it answered is booted once more: on an emulated KVM some end like that, by a fault that the
 * next one does not have, and what is found out here holds until the host starts again. A VMM that does not begin says why, and is believed.
 */
async function bootOnceMore(boot: TrialOptions['boot'], signal: AbortSignal): Promise<void> {
  try {
    await boot(signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof GloveboxError) || error.code !== 'CHANNEL_LOST') throw error
    await boot(signal)
  }
}

function standsStill(limitMs: number): string {
  return `a guest that was booted on it did not answer within ${Math.round(limitMs / 1000)} s`
}

/** What a VMM complains of is for one line of a table. */
function inOneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, '; ').slice(0, 400)
}

const again: Readonly<Record<TrialOptions['vmm'], string>> = {
  qemu: 'GLOVEBOX_ACCEL=kvm tries it again; it is also tried again after a reboot, and when QEMU or the kernel is another one',
  firecracker:
    '--vmm firecracker tries it again; it is also tried again after a reboot, and when Firecracker or the kernel is another one',
}
