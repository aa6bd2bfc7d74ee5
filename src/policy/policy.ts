import type { Control } from '../protocol/controls.ts'
import type { AccelName, OwnMachine, VmmName } from './plan.ts'
import type { Secret } from './secrets.ts'
import { noNetwork, type NetworkWords } from './network/words.ts'

/** What a sandbox may do, as its owner wrote it: nothing is resolved yet, nothing looked up. */
export interface Policy {
  readonly driver: string
  readonly workspace: Workspace | null
  readonly filesystem: {
    readonly read: readonly string[]
    readonly write: readonly string[]
    readonly deny: readonly string[]
  }
  readonly network: NetworkWords
  /** Names or paths of programs; `null`: anything on a read-only mount. */
  readonly exec: readonly string[] | null
  /** What is put into requests, or exposed. */
  readonly secrets: readonly Secret[]
  /** `K=V` already split; a name alone was copied by the caller from its own environment. */
  readonly env: Readonly<Record<string, string>>
  readonly limits: PolicyLimits
  /** What a limit is that `limits` does not set, instead of `defaultLimits`: a built-in profile knows its programs. */
  readonly defaults?: PolicyLimits
  readonly tools: { readonly allow: readonly string[]; readonly deny: readonly string[] }
  readonly mode: 'enforce' | 'audit' | 'learn'
  readonly allowDegraded: readonly Control[]
  /** The program that runs machines, asked for by name for this start; undefined: the driver sees what there is. */
  readonly vmm?: VmmName
  /** What they run on, asked for by name for this start. */
  readonly accel?: AccelName
  /** What a machine is cloned from; undefined: one that has booted. */
  readonly template?: 'server'
  /** Absolute paths. */
  readonly machine?: OwnMachine
  /** Limits of a driver that makes machines, where `limits` says nothing; undefined: no configuration has been asked. */
  readonly machineLimits?: Pick<PolicyLimits, 'memoryBytes' | 'cpus'>
}

export interface Workspace {
  readonly path: string
  /** `copy`: what the sandbox does to its copy is done to the directory at its end. */
  readonly mode: 'copy' | 'read' | 'write'
  /** Of a copy: whether its changes are taken over; undefined: what `--sync` says, or the default. */
  readonly sync?: 'ask' | 'yes' | 'no'
  /** Of a copy: names, or paths from its top, that are not copied. */
  readonly exclude?: readonly string[]
}

/** `undefined` means the default; what is set was written down by the user and must be enforced as such. */
export interface PolicyLimits {
  readonly memoryBytes?: number
  readonly cpus?: number
  readonly pids?: number
  readonly diskBytes?: number
  readonly openFiles?: number
  readonly timeMs?: number
  readonly messageBytes?: number
}

/** The launcher and what serves `exec` hold some twenty, under the same limit. */
export const fewestOpenFiles = 32

/** Default deny (design.md, "What it never does", 3). */
export const defaultLimits: Readonly<Required<Omit<PolicyLimits, 'timeMs'>>> = {
  memoryBytes: 512 * 1024 ** 2,
  cpus: 1,
  pids: 128,
  diskBytes: 256 * 1024 ** 2,
  openFiles: 4096,
  messageBytes: 8 * 1024 ** 2,
}

export const defaultPolicy: Policy = {
  driver: 'jail',
  workspace: null,
  filesystem: { read: [], write: [], deny: [] },
  network: noNetwork,
  exec: null,
  secrets: [],
  env: {},
  limits: {},
  tools: { allow: ['*'], deny: [] },
  mode: 'enforce',
  allowDegraded: [],
}
