import type { JailMount, JailPlan } from '../../../protocol/jail-plan.ts'
import type { MachineParts } from '../vmm/machine.ts'
import type { Accelerator, MachineFiles } from './command-line.ts'
import type { Qemu } from './find.ts'

/** Where QEMU sees its files. Two directories, since a template's own is writable while it is made; of a clone's it sees the memory. */
const inside: MachineFiles & { readonly template: string } = {
  kernel: '/machine/kernel',
  initrd: '/machine/initrd',
  root: '/machine/root',
  given: '/machine/given',
  template: '/template',
  memory: '/template/memory',
}

export const filesInside: MachineFiles = inside
/** Where a template's state is written, as QEMU sees it. */
export const stateInside = '/template/state'

/** Room for QEMU itself, its libraries' data, and an emulator's translations, besides the guest's memory. */
const qemuBytes = 256 * 1024 ** 2

export type QemuStart =
  /** Memory and state are made in this directory. */
  | { readonly start: 'boot'; readonly directory: string }
  /** Private memory is laid over this file. */
  | { readonly start: 'clone'; readonly memory: string; readonly state: string }

/**
 * QEMU's own jail: no network, no file that is not its own, no way to execute anything else. What breaks out of the guest
 * into QEMU is then where a program under the strictest policy is.
 */
export function qemuJailPlan(options: {
  readonly id: string
  readonly qemu: Qemu
  readonly args: readonly string[]
  readonly parts: MachineParts
  readonly from: QemuStart
  readonly accelerator: Accelerator
}): JailPlan {
  const { id, qemu, args, parts, from, accelerator } = options
  const { shape } = parts
  const limit = (value: number): { value: number; explicit: boolean } => ({ value, explicit: false })
  const files = from.start === 'boot' ? bootFiles(parts) : []
  return {
    schema: 'glovebox/jail-plan/1',
    id,
    command: { path: qemu.path, argv: [qemu.path, ...args], cwd: '/', env: {}, terminal: false },
    mounts: [
      ...qemu.mounts,
      ...files,
      readable(parts.root, inside.root),
      readable(parts.given, inside.given),
      // A clone's state comes by its stdin: it sees nothing else of its template.
      from.start === 'boot'
        ? { ...readable(from.directory, inside.template), access: 'write' }
        : { ...readable(from.memory, inside.memory), access: qemu.readOnlyMemory ? 'read' : 'write' },
    ],
    deny: [],
    // A template's state is written through a shell of QEMU's, before anything of a user's has run in it.
    exec: from.start === 'boot' ? null : qemu.executables,
    limits: {
      memory: limit(shape.memoryBytes + qemuBytes),
      cpus: limit(shape.vcpus),
      pids: limit(64),
      disk: limit(1024 ** 2),
      openFiles: limit(256),
      time: null,
    },
    mode: 'enforce',
    allowDegraded: [],
    channel: null,
    hold: false,
    egress: null,
    devices: accelerator === 'kvm' ? ['/dev/kvm'] : [],
  }
}

function bootFiles(parts: MachineParts): JailMount[] {
  return [readable(parts.kernel, inside.kernel), readable(parts.initrd, inside.initrd)]
}

function readable(source: string, target: string): JailMount {
  return { source, target, access: 'read', exec: false, owner: 'user' }
}
