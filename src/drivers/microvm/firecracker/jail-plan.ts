import type { JailMount, JailPlan } from '../../../protocol/jail-plan.ts'
import type { MachineParts } from '../vmm/machine.ts'
import type { Firecracker } from './find.ts'
import type { GuestFiles } from './requests.ts'

/** Where Firecracker sees its files. Its sockets are in a directory of the host's, since we come in by them. */
export const filesInside: GuestFiles = {
  kernel: '/machine/kernel',
  initrd: '/machine/initrd',
  root: '/machine/root',
  given: '/machine/given',
  memory: '/template/memory',
  state: '/template/state',
  vsock: '/sockets/vsock',
}

/** What the sockets are called in their directory. */
export const socketNames: { readonly api: string; readonly vsock: string } = { api: 'api', vsock: 'vsock' }
const apiInside = `/sockets/${socketNames.api}`

/** Room for Firecracker itself, besides the guest's memory: some 5 MB, and what the kernel counts for it. */
const ownBytes = 96 * 1024 ** 2

export type FirecrackerStart =
  /** Memory and state are made in this directory. */
  | { readonly start: 'boot'; readonly directory: string; readonly vmlinux: string }
  /** Both are read from these files. */
  | { readonly start: 'clone'; readonly memory: string; readonly state: string }

/**
 * Firecracker's own jail: no network, no file that is not its own, nothing else that can be executed. What breaks out of the guest
 * into it is then where a program under the strictest policy is, with a KVM.
 */
export function firecrackerJailPlan(options: {
  readonly id: string
  readonly firecracker: Firecracker
  readonly parts: MachineParts
  readonly from: FirecrackerStart
  /** Its directory of the host's. */
  readonly sockets: string
}): JailPlan {
  const { id, firecracker, parts, from, sockets } = options
  const { shape } = parts
  const limit = (value: number): { value: number; explicit: boolean } => ({ value, explicit: false })
  const { path } = firecracker
  return {
    schema: 'glovebox/jail-plan/1',
    id,
    command: {
      path,
      argv: [path, '--id', id, '--api-sock', apiInside, '--level', 'Warning'],
      cwd: '/',
      env: {},
      terminal: false,
    },
    mounts: [
      ...firecracker.mounts,
      ...(from.start === 'boot'
        ? [readable(from.vmlinux, filesInside.kernel), readable(parts.initrd, filesInside.initrd)]
        : []),
      readable(parts.root, filesInside.root),
      readable(parts.given, filesInside.given),
      ...templateMounts(from),
      { ...readable(sockets, '/sockets'), access: 'write' },
    ],
    deny: [],
    exec: firecracker.executables,
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
    devices: ['/dev/kvm'],
  }
}

/** A clone sees two files of its template, and can write to neither. */
function templateMounts(from: FirecrackerStart): JailMount[] {
  if (from.start === 'boot') return [{ ...readable(from.directory, '/template'), access: 'write' }]
  return [readable(from.memory, filesInside.memory), readable(from.state, filesInside.state)]
}

function readable(source: string, target: string): JailMount {
  return { source, target, access: 'read', exec: false, owner: 'user' }
}
