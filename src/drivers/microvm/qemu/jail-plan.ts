import type { JailMount, JailPlan } from '../../../protocol/jail-plan.ts'
import type { MachineParts } from '../vmm/machine.ts'
import type { MachineFiles } from './command-line.ts'
import type { Qemu } from './find.ts'

/** Where QEMU sees its files. Two directories, since a template's own is writable while it is made. */
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

/**
 * QEMU's own jail: no network, no file that is not its own, no way to execute anything else. What breaks out of the guest
 * into QEMU is then where a program under the strictest policy is.
 */
export function qemuJailPlan(options: {
  readonly id: string
  readonly qemu: Qemu
  readonly args: readonly string[]
  readonly parts: MachineParts
  readonly directory: string
  readonly start: 'boot' | 'clone'
}): JailPlan {
  const { id, qemu, args, parts, directory, start } = options
  const { shape } = parts
  const limit = (value: number): { value: number; explicit: boolean } => ({ value, explicit: false })
  const files = start === 'boot' ? bootFiles(parts) : []
  return {
    schema: 'glovebox/jail-plan/1',
    id,
    command: { path: qemu.path, argv: [qemu.path, ...args], cwd: '/', env: {}, terminal: false },
    mounts: [
      ...qemu.mounts,
      ...files,
      readable(parts.root, inside.root),
      readable(parts.given, inside.given),
      { ...readable(directory, inside.template), access: start === 'boot' || !qemu.readOnlyMemory ? 'write' : 'read' },
    ],
    deny: [],
    // A template's state is written through a shell of QEMU's, before anything of a user's has run in it.
    exec: start === 'boot' ? null : qemu.executables,
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
  }
}

function bootFiles(parts: MachineParts): JailMount[] {
  return [readable(parts.kernel, inside.kernel), readable(parts.initrd, inside.initrd)]
}

function readable(source: string, target: string): JailMount {
  return { source, target, access: 'read', exec: false, owner: 'user' }
}
