import type { JailMount, JailPlan } from '../../../protocol/jail-plan.ts'
import { partsInside, readable, vmmJailPlan, writable } from '../vmm/jail-plan.ts'
import type { MachineParts } from '../vmm/machine.ts'
import type { Accelerator, MachineFiles } from './command-line.ts'
import type { Qemu } from './find.ts'

const templateInside = '/template'

/** Where QEMU sees its files. Two directories, since a template's own is writable while it is made; of a clone's it sees the memory. */
export const filesInside: MachineFiles = { ...partsInside, memory: `${templateInside}/memory` }
/** Where a template's state is written, as QEMU sees it. */
export const stateInside: string = `${templateInside}/state`

/** Room for QEMU itself, its libraries' data, and an emulator's translations, besides the guest's memory. */
const qemuBytes = 256 * 1024 ** 2

export type QemuStart =
  /** Memory and state are made in this directory. */
  | { readonly start: 'boot'; readonly directory: string }
  /** Private memory is laid over this file. */
  | { readonly start: 'clone'; readonly memory: string; readonly state: string }

/** QEMU's own jail: of the files of its template a clone sees the memory alone, since its state comes by its stdin. */
export function qemuJailPlan(options: {
  readonly id: string
  readonly qemu: Qemu
  readonly args: readonly string[]
  readonly parts: MachineParts
  readonly from: QemuStart
  readonly accelerator: Accelerator
}): JailPlan {
  const { id, qemu, args, parts, from, accelerator } = options
  const isBoot = from.start === 'boot'
  return vmmJailPlan({
    id,
    path: qemu.path,
    args,
    program: qemu.mounts,
    kernel: isBoot ? parts.kernel : undefined,
    parts,
    mounts: [isBoot ? writable(from.directory, templateInside) : memoryMount(from.memory, qemu)],
    // A template's state is written through a shell of QEMU's, which may start two programs and no other: in one of level `server`
    // a program of a user's has run by then (decision 31).
    exec: isBoot ? [...qemu.executables, ...qemu.stateWriters] : qemu.executables,
    ownBytes: qemuBytes,
    devices: accelerator === 'kvm' ? ['/dev/kvm'] : [],
  })
}

function memoryMount(memory: string, { readOnlyMemory }: Qemu): JailMount {
  return (readOnlyMemory ? readable : writable)(memory, filesInside.memory)
}
