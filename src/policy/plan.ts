import type { Control } from '../protocol/controls.ts'
import type { JailLimits, JailMount } from '../protocol/jail-plan.ts'
import type { Secret } from './secrets.ts'
import type { Network, PublishedPort } from './network.ts'

/** A policy resolved for one start: pure data, printable (`--dry-run`), the same for every driver. */
export interface Plan {
  readonly schema: 'glovebox/plan/1'
  readonly server: string
  readonly driver: string
  readonly command: PlanCommand
  readonly mounts: readonly PlanMount[]
  /** Null: no mount is a copy. */
  readonly workspace: PlanWorkspace | null
  readonly deny: readonly string[]
  readonly exec: readonly string[] | null
  /** Whom it may talk to; `null`: nobody. */
  readonly network: Network | null
  /** Its ports that this machine reaches. */
  readonly publish: readonly PublishedPort[]
  /** What is put into requests, or exposed: by name, source and host, never by value. */
  readonly secrets: readonly Secret[]
  readonly limits: JailLimits
  readonly messageBytes: number
  readonly tools: { readonly allow: readonly string[]; readonly deny: readonly string[] }
  readonly mode: 'enforce' | 'audit' | 'learn'
  readonly allowDegraded: readonly Control[]
  /** The program that runs machines, of a driver that has some; undefined: the driver sees what there is. */
  readonly vmm?: VmmName
  /** What machines run on, of a driver that has some; undefined: what the user's own configuration says. */
  readonly accel?: AccelName
  /** `server`: what a machine is cloned from has the server up already. Other walls have no use for it. */
  readonly template?: 'server'
  /** What a virtual machine is made of instead of our own; other walls have no use for it. */
  readonly machine?: OwnMachine
}

/** Programs that run machines. */
export type VmmName = 'firecracker' | 'qemu'

/** What they run on: `auto` is KVM where a guest really boots on it. */
export type AccelName = 'auto' | 'kvm' | 'tcg'

export interface OwnMachine {
  /** Paths of this machine; null: our own. */
  readonly kernel: string | null
  readonly rootfs: string | null
  /** An image that is there already instead of both, by its name or the beginning of its digest. */
  readonly image?: string
}

export interface PlanCommand {
  /** Absolute path of what is executed, symbolic links resolved. */
  readonly path: string
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** A mount and where it comes from: shown to the user, who should find nothing there that they cannot account for. */
export interface PlanMount extends Omit<JailMount, 'access'> {
  /** `copy`: not the source itself but a copy of it, which may be changed. Nobody but `runtime/workspace` makes one. */
  readonly access: JailMount['access'] | 'copy'
  readonly why: string
}

/** A directory of which the sandbox gets a copy; where it is seen is among the mounts. */
export interface PlanWorkspace {
  /** Links resolved. */
  readonly source: string
  /** Null: the default (docs/workspace.md). */
  readonly sync: 'ask' | 'yes' | 'no' | null
  readonly exclude: readonly string[]
}
