import type { JailMount, JailPlan } from '../../../protocol/jail-plan.ts'
import { partsInside, readable, vmmJailPlan, writable } from '../vmm/jail-plan.ts'
import type { MachineParts } from '../vmm/machine.ts'
import type { Firecracker } from './find.ts'
import type { GuestFiles } from './requests.ts'

/** Where Firecracker sees its files. Its sockets are in a directory of the host's, since we come in by them. */
export const filesInside: GuestFiles = {
  ...partsInside,
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

/** Firecracker's own jail: nothing else that can be executed, and what breaks out of the guest into it has a KVM. */
export function firecrackerJailPlan(options: {
  readonly id: string
  readonly firecracker: Firecracker
  readonly parts: MachineParts
  readonly from: FirecrackerStart
  /** Its directory of the host's. */
  readonly sockets: string
}): JailPlan {
  const { id, firecracker, parts, from, sockets } = options
  return vmmJailPlan({
    id,
    path: firecracker.path,
    // A warning that comes with every clone (its processors are told to go on twice) would stand in the words of every end.
    args: ['--id', id, '--api-sock', apiInside, '--level', 'Error'],
    program: firecracker.mounts,
    kernel: from.start === 'boot' ? from.vmlinux : undefined,
    parts,
    mounts: [...templateMounts(from), writable(sockets, '/sockets')],
    exec: firecracker.executables,
    ownBytes,
    devices: ['/dev/kvm'],
  })
}

/** A clone sees two files of its template, and can write to neither. */
function templateMounts(from: FirecrackerStart): JailMount[] {
  if (from.start === 'boot') return [writable(from.directory, '/template')]
  return [readable(from.memory, filesInside.memory), readable(from.state, filesInside.state)]
}
