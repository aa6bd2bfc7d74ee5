import { accessSync, constants, statSync, type Stats } from 'node:fs'
import { userInfo } from 'node:os'
import { GloveboxError, messageOf } from '../../errors.ts'

/** What the user asks for: `auto` tries KVM, and falls back to emulation; one that is named is never replaced. */
export const accelWords = ['auto', 'kvm', 'tcg'] as const
export type Accel = (typeof accelWords)[number]

/** What machines run on here, and, where that was not the first choice, why. */
export interface Accelerated {
  readonly accelerator: 'kvm' | 'tcg'
  readonly instead?: Refusal
}

export interface Refusal {
  readonly reason: string
  readonly fix: string | undefined
}

/** How a trial ended: the very guest was booted, on the accelerator, and its inside answered, or did not. */
export type Tried = { readonly ok: true; readonly answeredMs: number } | ({ readonly ok: false } & Refusal)

export interface KvmTrial {
  /** What is known of this host, as it is now; undefined where nothing is. */
  readonly known: () => Tried | undefined
  /** Boots a guest, and remembers what came of it. Safe for two processes at once. */
  readonly run: () => Promise<Tried>
}

/** What is asked for by name, as a sentence calls it, and what to do without it. */
export interface Named {
  readonly name: string
  readonly otherwise: string
}

const kvm: Named = {
  name: 'KVM',
  otherwise: 'leave --accel, microvm.accel and GLOVEBOX_ACCEL out, and machines are emulated here',
}

/**
 * What machines run on. That `/dev/kvm` can be opened proves nothing (in a guest of some clouds it makes a machine, which then never
 * runs), so a guest is booted: once on a host, as long as nothing changes that it depends on.
 * @throws GloveboxError HOST_CANNOT where it was asked for by name and does not work
 */
export async function chooseAccelerator(
  asked: Accel,
  trial: KvmTrial,
  device: () => Refusal | undefined = whyNoDevice,
  { name, otherwise }: Named = kvm,
): Promise<Accelerated> {
  if (asked === 'tcg') return { accelerator: 'tcg' }
  const refusal = device() ?? refusalOf(await tried(asked, trial))
  if (refusal === undefined) return { accelerator: 'kvm' }
  if (asked === 'auto') return { accelerator: 'tcg', instead: refusal }
  throw new GloveboxError('HOST_CANNOT', `${name} is asked for by name, and ${refusal.reason}`, {
    fix: [refusal.fix, otherwise].filter((each) => each !== undefined).join('; or '),
  })
}

/** Who names it wants it: what failed once may have failed because the host was busy. */
async function tried(asked: Accel, trial: KvmTrial): Promise<Tried> {
  const known = trial.known()
  return known !== undefined && (known.ok || asked === 'auto') ? known : trial.run()
}

function refusalOf(outcome: Tried): Refusal | undefined {
  return outcome.ok ? undefined : { reason: outcome.reason, fix: outcome.fix }
}

export const kvmDevice = '/dev/kvm'

/** What can be told without a guest. Root's own rights say nothing: its sandboxes have an id of nobody's (native/inside, tree/devices.rs). */
function whyNoDevice(): Refusal | undefined {
  const stat = statSync(kvmDevice, { throwIfNoEntry: false })
  if (stat === undefined) {
    return {
      reason: `there is no ${kvmDevice}`,
      fix: 'switch virtualization on in the firmware (AMD-V, VT-x; in a virtual machine: nested virtualization), and load kvm_amd or kvm_intel',
    }
  }
  if (process.getuid?.() === 0) return isForOthers(stat) ? undefined : rootsAlone
  try {
    accessSync(kvmDevice, constants.R_OK | constants.W_OK)
    return undefined
  } catch (error) {
    return {
      reason: `${kvmDevice} is not for this user: ${messageOf(error)}`,
      fix: `sudo usermod -aG kvm ${userName()}, then log in again (where ${kvmDevice} belongs to another group, that one)`,
    }
  }
}

const rootsAlone: Refusal = {
  reason: `${kvmDevice} is for root alone, and machines run as somebody else`,
  fix: `sudo chgrp kvm ${kvmDevice} && sudo chmod 660 ${kvmDevice} (udev does so where it runs), and as a user: sudo usermod -aG kvm USER`,
}

/** Of a group that is not root's, or of everybody. */
function isForOthers({ mode, gid }: Stats): boolean {
  return (mode & 0o006) === 0o006 || ((mode & 0o060) === 0o060 && gid !== 0)
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.()) // an id that no passwd entry has
  }
}
