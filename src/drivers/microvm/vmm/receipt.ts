import type { Control, Enforcement } from '../../../protocol/controls.ts'
import type { Receipt } from '../../driver.ts'
import type { Machine } from './machine.ts'

/** `QEMU 7.2.22, software emulation`, and where that was not the first choice, why. */
export interface NamedVmm {
  readonly name: string
  readonly instead: string | undefined
}

type OuterWall = Pick<Machine, 'receipt' | 'unchecked'>

/**
 * What holds a sandbox in a machine of its own: the jail in the guest, control by control, and around it the machine, whose
 * VMM is in a jail on the host.
 */
export function receiptOfBoth(guest: Receipt, machine: OuterWall, vmm: NamedVmm): Receipt {
  const { receipt: outer, unchecked } = machine
  return {
    ...guest,
    hostUid: outer.hostUid,
    enforcements: guest.enforcements.map((line) => ({
      ...line,
      layers: [...line.layers, ...around(line, outer, vmm)],
      ...(line.control === 'kernel' && unchecked !== undefined && { unchecked }),
    })),
  }
}

/** What the machine adds to a control: where it has nothing of its own, that it is another kernel, behind a jail. */
const ofMachine: Readonly<Partial<Record<Control, string>>> = {
  'fs.read': 'read-only drives',
  'fs.write': 'read-only drives',
  net: 'no network device',
  kernel: 'kernel of its own',
  cpus: 'as many processors as the limit rounded up',
  memory: 'as much memory as the machine has',
}

function around({ control }: Enforcement, outer: Receipt, { name, instead }: NamedVmm): string[] {
  const own = ofMachine[control]
  const held = outer.enforcements.find((line) => line.control === control)
  const jail = held?.enforced === true ? [`vmm in Glovebox’s jail: ${held.mechanism}`] : []
  const reason = control === 'kernel' && instead !== undefined ? [`no KVM: ${instead}`] : []
  return [`microvm: ${name}${own === undefined ? '' : `; ${own}`}`, ...reason, ...jail]
}
