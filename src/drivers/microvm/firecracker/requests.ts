import type { Shape } from '../vmm/shape.ts'

/** A call of Firecracker's API (its swagger file, src/firecracker/swagger/firecracker.yaml). Unknown fields are refused there. */
export interface ApiCall {
  readonly method: 'PUT' | 'PATCH'
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
}

/** Paths that Firecracker sees in its jail: the same for all machines, so that what a snapshot has saved is right for every clone. */
export interface GuestFiles {
  readonly kernel: string
  readonly initrd: string
  readonly root: string
  readonly given: string
  readonly memory: string
  readonly state: string
  /** Where Firecracker listens for connections to the guest's ports. */
  readonly vsock: string
}

/** Of the guest, on a bus of its own: any from 3 on, as 0 to 2 are the hypervisor's, its own and the host's (vsock(7)). */
const guestCid = 3

/** What makes a machine and starts it, in this order: drives become /dev/vda and /dev/vdb. No network device, and no metadata service. */
export function bootCalls({ memoryBytes, vcpus }: Shape, files: GuestFiles): ApiCall[] {
  return [
    put('/machine-config', { vcpu_count: vcpus, mem_size_mib: memoryBytes / 1024 ** 2, smt: false }),
    put('/boot-source', {
      kernel_image_path: files.kernel,
      initrd_path: files.initrd,
      boot_args: kernelArguments.join(' '),
    }),
    drive('root', files.root),
    drive('given', files.given),
    put('/vsock', { guest_cid: guestCid, uds_path: files.vsock }),
    put('/actions', { action_type: 'InstanceStart' }),
  ]
}

/** The state says what the machine is; its memory is laid over the file, privately. */
export function loadCall({ memory, state }: Pick<GuestFiles, 'memory' | 'state'>): ApiCall {
  return put('/snapshot/load', {
    snapshot_path: state,
    mem_backend: { backend_type: 'File', backend_path: memory },
    // Nobody is let in before the guest has been made one of its own: it is made so over the channel, and only init runs in it.
    resume_vm: true,
  })
}

/** A machine stands still before it is written down. */
export function freezeCalls({ memory, state }: Pick<GuestFiles, 'memory' | 'state'>): ApiCall[] {
  return [
    { method: 'PATCH', path: '/vm', body: { state: 'Paused' } },
    // Not `Diff`: without dirty pages being tracked it takes what mincore(2) knows of, which is not what the host has swapped out.
    put('/snapshot/create', { snapshot_type: 'Full', snapshot_path: state, mem_file_path: memory }),
  ]
}

const kernelArguments: readonly string[] = [
  'quiet',
  'loglevel=0',
  // Firecracker ends when its guest resets the processor by the keyboard controller, and at nothing else.
  'reboot=k',
  'panic=-1',
  // No serial line: what a guest writes there would be written into a pipe of the host's, as much as it likes.
  '8250.nr_uarts=0',
  // The controller has nothing but that reset: looking for a mouse takes half a second.
  'i8042.noaux',
  'i8042.nomux',
  'i8042.dumbkbd',
]

/** Root only as the initrd's init makes it: Firecracker is not to add words for it to the command line. */
function drive(id: string, path: string): ApiCall {
  return put(`/drives/${id}`, { drive_id: id, path_on_host: path, is_root_device: false, is_read_only: true })
}

function put(path: string, body: ApiCall['body']): ApiCall {
  return { method: 'PUT', path, body }
}
