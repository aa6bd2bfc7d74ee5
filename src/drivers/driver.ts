import type { Duplex, Readable, Writable } from 'node:stream'
import type { Connection } from '../inside/connection.ts'
import type { Control } from '../protocol/controls.ts'
import type { Activity, JailExit, JailLimitHit, JailReceipt } from '../protocol/jail-status.ts'
import type { Plan } from '../policy/plan.ts'

export type DriverName = 'jail' | 'container' | 'microvm' | 'kubernetes'

/** What this host can really do with a driver, found by doing it. */
export type Support = SupportYes | SupportNo

export interface SupportYes {
  readonly ok: true
  readonly enforces: readonly Control[]
  readonly receipt: Receipt
  /** What trying to break each control came to. */
  readonly evidence: ReadonlyMap<Control, Evidence>
  /** Whether limits that a user wrote down can be kept here (design.md, "Commands"). */
  readonly explicitLimits:
    | { readonly ok: true }
    | { readonly ok: false; readonly reason: string; readonly fix: string | undefined }
  /** Of a driver that can run its machines by Firecracker: what became of it. */
  readonly firecracker?: FirecrackerSupport
  /** What machines run on, and why not on what they would run on best; undefined where there are none. */
  readonly accelerator?: {
    readonly name: 'kvm' | 'tcg'
    readonly reason?: string | undefined
    readonly fix?: string | undefined
  }
}

export interface FirecrackerSupport {
  /** Null: there is none, or, with a reason, none that is of use. */
  readonly version: string | null
  readonly path?: string
  /** Whether it brings a filter of system calls of its own. */
  readonly hasFilter?: boolean
  /** Whether machines are run by it. */
  readonly used: boolean
  readonly reason?: string | undefined
  readonly fix?: string | undefined
}

export interface Evidence {
  readonly held: boolean
  /** What was tried and what happened, in a few words. */
  readonly evidence: string
}

export interface SupportNo {
  readonly ok: false
  readonly reason: string
  readonly fix: string | undefined
}

/** What really is enforced for a sandbox, control by control, with the mechanism. */
export type Receipt = Omit<JailReceipt, 'event'>

export interface Driver {
  readonly name: DriverName
  /** Its sandboxes see no directory of the host: a copied workspace is sent to them, and fetched (`StartOptions.workspace`), if it is not larger. */
  readonly sendsWorkspace?: { readonly mostBytes: number }
  /** How long its insides may give no sign of life (`inside/caps.ts`), where that is longer than for a process of this host. */
  readonly silenceMs?: number
  /** Who connects to the outside for its sandboxes: the relay beside a jail, or, where the relay has no network, this process. */
  readonly dials: EgressOptions['dials']
  /** Finds out by starting something; never by looking at a file. */
  probe(signal: AbortSignal): Promise<Support>
  /**
   * The receipt of a start with default limits that is over at once: the short form of `probe`. Undefined for a driver that
   * cannot say anything within some milliseconds.
   */
  readonly tryOut: ((signal: AbortSignal) => Promise<Receipt>) | undefined
  /**
   * Builds what a start of this plan needs and is not there yet, whoever watches, with its progress on stderr; it may take minutes.
   * Without it a start builds what it needs only where somebody sees it.
   */
  provide?(plan: Plan, signal: AbortSignal): Promise<void>
  /** Starts exactly this plan, or throws a GloveboxError. Never a weaker one. */
  start(plan: Plan, options: StartOptions, signal: AbortSignal): Promise<Wall>
}

export interface StartOptions {
  /** Sandbox id, `[a-z0-9-]{1,64}`. */
  readonly id: string
  /** `pipe`: Wall.stdio carries the three streams; `inherit`: the program gets ours. */
  readonly stdio: 'pipe' | 'inherit'
  /** Called in the order in which things happened, from the first moment. */
  readonly onActivity: (activity: Activity) => void
  readonly onLimit: (hit: JailLimitHit) => void
  /**
   * What has to be seen to before anything of the program's runs, and takes time that the wall takes too: called once,
   * while it is built. The program runs when this has settled; what it throws is thrown by `start`, and nothing ran.
   */
  readonly beforeProgram?: () => Promise<void>
  /** Where a driver whose channel is a Unix socket makes it: absolute, 107 bytes at most, in a directory of ours alone. */
  readonly socket: string | undefined
  /** Of a plan with a copied workspace, for a driver that `sendsWorkspace`: its mounts of access `copy` are of what was sent. */
  readonly workspace?: SentWorkspace | undefined
  /** Where the host decides about connections, and what a plan with a network opens; a driver refuses such a plan without. */
  readonly egress: EgressOptions | undefined
}

/** A copied workspace that goes over the channel. */
export interface SentWorkspace {
  /** `entries`: files, directories and links. */
  readonly size: { readonly bytes: number; readonly entries: number }
  /** Before the program runs: puts the copy into an empty directory of the sandbox's file system. @throws what the connection throws */
  send(connection: Connection, directory: string): Promise<void>
  /**
   * When none of its programs runs any more, and its file system is still there. What is not fetched is lost, and told as
   * such with the reason, so that it throws nothing.
   */
  fetch(connection: Connection, directory: string): Promise<void>
}

export interface EgressOptions {
  /** Absolute, 107 bytes at most, in a directory of ours alone; listened on already (`protocol/egress-link.ts`). */
  readonly socket: string
  /** Which of the two the other end of the socket expects; a driver refuses what its sandboxes cannot do. */
  readonly dials: 'relay' | 'host'
  readonly tcpPorts: readonly number[]
  readonly udpPorts: readonly number[]
  /** `10.0.0.5/32`: each range that a rule by address names. */
  readonly addresses: readonly string[]
}

/** A started sandbox. */
export interface Wall {
  /**
   * A new byte stream to glovebox-inside, for one connection; undefined where the sandbox was started without.
   * A function and not a stream: nothing is paid for a channel that nobody uses, and one that was lost can be had again.
   */
  readonly connect: (() => Promise<Duplex>) | undefined
  /** Present with `stdio: 'pipe'`. */
  readonly stdio: { readonly stdin: Writable; readonly stdout: Readable; readonly stderr: Readable } | undefined
  readonly pid: number
  readonly receipt: Receipt
  readonly enforced: ReadonlySet<Control>
  /** Settles once, when nothing of the sandbox is left. */
  readonly exit: Promise<Exit>
  signal(signal: NodeJS.Signals): void
  /** Ends it: the polite signal, then after `graceMs` the whole sandbox. Idempotent. */
  stop(graceMs?: number): Promise<Exit>
}

export type Exit = Omit<JailExit, 'event'>
