import type { Control, Enforcement } from '../../../protocol/controls.ts'
import type { Receipt } from '../../driver.ts'

/**
 * What holds a sandbox in a machine of its own: the jail in the guest, control by control, and around it the machine, whose
 * VMM is in a jail on the host.
 */
export function receiptOfBoth(guest: Receipt, outer: Receipt, vmm: string): Receipt {
  return {
    ...guest,
    hostUid: outer.hostUid,
    enforcements: guest.enforcements.map((line) => ({
      ...line,
      layers: [...line.layers, ...around(line, outer, vmm)],
    })),
  }
}

/** What the machine adds to a control: where it has nothing of its own, that it is another kernel, behind a jail. */
const machine: Readonly<Partial<Record<Control, string>>> = {
  'fs.read': 'read-only drives',
  'fs.write': 'read-only drives',
  net: 'no network device',
  kernel: 'kernel of its own',
  cpus: 'as many processors as the limit rounded up',
  memory: 'as much memory as the machine has',
}

function around({ control }: Enforcement, outer: Receipt, vmm: string): string[] {
  const own = machine[control]
  const held = outer.enforcements.find((line) => line.control === control)
  const jail = held?.enforced === true ? [`vmm in a jail: ${held.mechanism}`] : []
  return [`microvm: ${vmm}${own === undefined ? '' : `; ${own}`}`, ...jail]
}
