import type { Enforcement } from './controls.ts'

/**
 * What the launcher reports: JSON lines on its status descriptor, in this order:
 * `receipt`, `started`, any number of activities and `limit`s, `exit`; or `error` before `started`: it did not start.
 * An `error` in place of `exit` means that what was promised could not be held any longer, and the sandbox was ended.
 * `native/wire/src/status.rs` is the other end. Strings that came from the sandbox are untrusted:
 * lossy UTF-8, cut at 4096 bytes.
 */
export type JailStatus = JailReceipt | JailStarted | Activity | JailLimitHit | JailExit | JailFailure

export interface JailReceipt {
  readonly event: 'receipt'
  /** Version of glovebox-inside. */
  readonly inside: string
  readonly kernel: string
  readonly enforcements: readonly Enforcement[]
  /** SHA-256 of the seccomp program's bytes, hex. */
  readonly seccomp: string
  /** Landlock ABI in force, 0 when the kernel has none. */
  readonly landlockAbi: number
  /** User id on the host that the sandbox's processes have. */
  readonly hostUid: number
}

export interface JailStarted {
  readonly event: 'started'
  /** The program's pid on the host, and that of the sandbox's pid 1. */
  readonly pid: number
  readonly initPid: number
}

/** Something that the sandbox tried. Written before the decision takes effect where the supervisor decides. */
export interface Activity {
  readonly event: 'activity'
  readonly kind: 'connect' | 'bind' | 'send' | 'exec' | 'open'
  /** Host pid, and the program's name and path as the kernel knows them. */
  readonly pid: number
  readonly program: string
  /** `127.0.0.1:80`, `[::1]:80`, `unix:/run/x`, `unix:@abstract`, `netlink`; set for connect, bind and send. */
  readonly address?: string
  /** Set for exec and open. As the program spelled it: it may have been rewritten since. */
  readonly path?: string
  /** What a file was opened for; set for open. */
  readonly access?: 'read' | 'write'
  /**
   * `allowed`, `denied`: the supervisor decided on memory of its own.
   * `recorded`: the kernel's own rules decide; this is only the record.
   */
  readonly verdict: 'allowed' | 'denied' | 'recorded'
  /**
   * The rule that decided: `network.default-deny`, `loopback`, `unix.own-tmpfs`, `kernel`. `network.egress`: connected as far
   * as the relay, which asks; `network.resolver`; `network.egress-datagram`: a socket that nothing answers.
   */
  readonly rule: string
  /** How many equal ones in a row this line stands for: absent for one, more only in a flood of over 1000 a second. */
  readonly count?: number
}

export interface JailLimitHit {
  readonly event: 'limit'
  readonly limit: 'memory' | 'pids' | 'time'
  /** One sentence for people. */
  readonly detail: string
}

export interface JailExit {
  readonly event: 'exit'
  /** Exactly one of the two is set. */
  readonly code: number | null
  readonly signal: number | null
  /** The kernel or the watchdog ended it for memory. */
  readonly outOfMemory: boolean
  readonly timedOut: boolean
  readonly wallMs: number
  readonly cpuMs: number
  readonly peakMemoryBytes: number | null
}

export interface JailFailure {
  readonly event: 'error'
  /** `plan`, `host-cannot`, `not-found`, `not-executable`, `start`, `internal` */
  readonly code: string
  /** Which step failed: `namespaces`, `mount tree`, `landlock`, … */
  readonly stage: string
  readonly message: string
  readonly fix: string | null
}

/** Commands to the launcher, one JSON line each on the plan descriptor after the plan. */
export type JailCommandLine =
  | { readonly do: 'stop' }
  | { readonly do: 'signal'; readonly signal: number }
  /** A plan with `hold` may be executed. */
  | { readonly do: 'go' }
