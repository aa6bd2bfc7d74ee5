import type { VmmName } from '../../policy/plan.ts'
import { GloveboxError } from '../../errors.ts'
import {
  chooseAccelerator,
  type Accel,
  type Accelerated,
  type KvmTrial,
  type Named,
  type Refusal,
} from './accelerator.ts'
import type { Vmm } from './vmm/machine.ts'

export interface ChosenVmm {
  readonly vmm: Vmm
  readonly accelerated: Accelerated
  /** Why not Firecracker, where it is there and nobody asked for another. */
  readonly notFirecracker?: Refusal
}

export interface Offers {
  /** Undefined where there is none. */
  readonly firecracker: { readonly vmm: Vmm; readonly trial: KvmTrial } | undefined
  readonly qemu: () => Promise<ChosenVmm>
}

const named: Named = {
  name: 'Firecracker',
  otherwise: 'leave --vmm, microvm.vmm and GLOVEBOX_VMM out, and QEMU runs machines where it does not',
}

/**
 * The VMM of a host. One that is asked for by name is that one or none; otherwise Firecracker, where it is there and a guest really boots
 * with it, which is tried once and remembered.
 * @throws GloveboxError HOST_CANNOT
 */
export async function chooseVmm(
  { vmm, accel }: { readonly vmm: VmmName | undefined; readonly accel: Accel },
  { firecracker, qemu }: Offers,
  device?: () => Refusal | undefined,
): Promise<ChosenVmm> {
  const isAsked = vmm === 'firecracker'
  if (isAsked && accel === 'tcg') {
    throw new GloveboxError('HOST_CANNOT', 'Firecracker runs on KVM alone, and machines are to be emulated here', {
      fix: 'leave --accel, microvm.accel and GLOVEBOX_ACCEL out, or use --vmm qemu',
    })
  }
  if (vmm === 'qemu' || accel === 'tcg' || firecracker === undefined) return qemu()
  const accelerated = await chooseAccelerator(isAsked ? 'kvm' : 'auto', firecracker.trial, device, named)
  if (accelerated.accelerator === 'kvm') return { vmm: firecracker.vmm, accelerated }
  const chosen = await qemu()
  return accelerated.instead === undefined ? chosen : { ...chosen, notFirecracker: accelerated.instead }
}
