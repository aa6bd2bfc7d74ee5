import type { Duplex } from 'node:stream'
import type { Receipt } from '../../driver.ts'
import type { Shape } from './shape.ts'

/** What a machine is made of: files of the host. */
export interface MachineParts {
  readonly shape: Shape
  readonly kernel: string
  readonly initrd: string
  /** First drive: the root file system, read-only, shared by all guests. */
  readonly root: string
  /** Second drive, read-only: what of the host's files this guest is given. Its size is the same in all guests. */
  readonly given: string
}

/** A running machine, with its VMM behind a wall of its own. */
export interface Machine {
  /**
   * A transport to the guest's inside, framed (docs/channel.md, "Framing"): the one port that there is, or a new connection.
   * @throws GloveboxError CHANNEL_LOST where nobody takes it yet
   */
  connect(): Promise<Duplex>
  /** Of a lost transport: whether the machine is gone, and not only its guest that has broken with us. */
  isOver(): Promise<boolean>
  /** Of the VMM's process on the host. */
  readonly pid: number
  /** What holds the VMM itself. */
  readonly receipt: Receipt
  /** What cannot be promised of this VMM on this host, for the receipt. */
  readonly unchecked?: string
  /** Settles when nothing of it is left. */
  readonly ended: Promise<MachineEnd>
  /** Idempotent. */
  kill(): Promise<MachineEnd>
}

export interface MachineEnd {
  /** It was we who ended it. */
  readonly asked: boolean
  /** What the VMM complained of, and the last lines of the guest's console. Untrusted. */
  readonly lastWords: string
}

export interface CloneDirectories {
  readonly template: string
  /** Of this clone alone. When it was cloned it has all files open, and the directory may go. */
  readonly own: string
}

/** A program that runs machines: what is particular to QEMU, or to another, is behind this. */
export interface Vmm {
  /** Goes into the key of a template: a state is taken up by the very VMM, accelerator and processor that it was made on. */
  readonly identity: readonly string[]
  /** For receipts: `QEMU 7.2.22, software emulation`. */
  readonly name: string
  /**
   * Boots a machine whose memory is the file `memory` in this directory.
   * @throws GloveboxError NOT_STARTED
   */
  boot(parts: MachineParts, directory: string, signal: AbortSignal): Promise<BootedMachine>
  /** Continues, on private memory, what `freeze` left. The parts are the template's but for `given`. */
  clone(parts: MachineParts, directories: CloneDirectories, signal: AbortSignal): Promise<Machine>
}

export interface BootedMachine extends Machine {
  /** Leaves memory and state in the directory, from which clones continue; the machine has ended then. */
  freeze(): Promise<void>
}
