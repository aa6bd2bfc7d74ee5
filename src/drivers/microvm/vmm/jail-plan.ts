import type { JailMount, JailPlan } from '../../../protocol/jail-plan.ts'
import type { MachineParts } from './machine.ts'

/** Where a VMM sees what a machine is made of. Paths are the same for all machines, since a state remembers them. */
export const partsInside: { readonly [Part in 'kernel' | 'initrd' | 'root' | 'given']: `/machine/${Part}` } = {
  kernel: '/machine/kernel',
  initrd: '/machine/initrd',
  root: '/machine/root',
  given: '/machine/given',
}

export interface VmmJail {
  readonly id: string
  /** The VMM itself, and its arguments. */
  readonly path: string
  readonly args: readonly string[]
  /** What it needs of the host in order to start. */
  readonly program: readonly JailMount[]
  /** The kernel that is booted; undefined for a clone, whose memory has it already. */
  readonly kernel: string | undefined
  readonly parts: MachineParts
  /** Its template, and what else is particular to this VMM. */
  readonly mounts: readonly JailMount[]
  readonly exec: JailPlan['exec']
  /** Room for the VMM itself, besides the guest's memory. */
  readonly ownBytes: number
  readonly devices: JailPlan['devices']
}

/**
 * A VMM's own jail: no network, no file that is not its own. What breaks out of the guest into it is then where a program under the
 * strictest policy is.
 */
export function vmmJailPlan(jail: VmmJail): JailPlan {
  const { id, path, args, kernel, parts, exec, ownBytes, devices } = jail
  const { shape } = parts
  const limit = (value: number): { value: number; explicit: boolean } => ({ value, explicit: false })
  return {
    schema: 'glovebox/jail-plan/1',
    id,
    command: { path, argv: [path, ...args], cwd: '/', env: {}, terminal: false },
    mounts: [
      ...jail.program,
      ...(kernel === undefined
        ? []
        : [readable(kernel, partsInside.kernel), readable(parts.initrd, partsInside.initrd)]),
      readable(parts.root, partsInside.root),
      readable(parts.given, partsInside.given),
      ...jail.mounts,
    ],
    deny: [],
    exec,
    limits: {
      memory: limit(shape.memoryBytes + ownBytes),
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
    devices,
  }
}

export function readable(source: string, target: string): JailMount {
  return { source, target, access: 'read', exec: false, owner: 'user' }
}

export function writable(source: string, target: string): JailMount {
  return { ...readable(source, target), access: 'write' }
}
