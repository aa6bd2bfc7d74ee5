/**
 * The plan as the launcher reads it: one JSON line on its plan descriptor.
 * `native/wire/src/plan.rs` is the other end; `native/wire/fixtures/plan-*.json` is checked by both.
 * Unknown keys are an error there. Further lines on that descriptor are commands; its end of file
 * means that the owner is gone, which ends the sandbox.
 */
export interface JailPlan {
  readonly schema: 'glovebox/jail-plan/1'
  /** Sandbox id, `[a-z0-9-]{1,64}`; names the cgroup and the hostname. */
  readonly id: string
  readonly command: JailCommand
  /** In order; a later mount may sit inside an earlier one. */
  readonly mounts: readonly JailMount[]
  /** Absolute paths that must not be readable even inside a mount: masked by an empty, unreadable object. */
  readonly deny: readonly string[]
  /** Real paths that may be executed, interpreters and loaders included; `null`: anything on a read-only mount. */
  readonly exec: readonly string[] | null
  readonly limits: JailLimits
  /** `enforce` decides; `audit` and `learn` also record file opens. The walls stand in all three. */
  readonly mode: 'enforce' | 'audit' | 'learn'
  /** Controls whose absence the user accepted with `--allow-degraded`. */
  readonly allowDegraded: readonly string[]
  /** Where the host reaches the inside (docs/channel.md); `null`: nowhere. */
  readonly channel: JailChannel | null
  /** The wall is built and its receipt told; the program is executed only after the command `go`. */
  readonly hold: boolean
  /** What the sandbox may connect to, as far as its network namespace goes; `null`: nobody, and nothing is paid for it. */
  readonly egress: JailEgress | null
  /**
   * What of the host's devices the program gets, besides those that hold no state: for a VMM's own jail. A policy has no words for it,
   * and the launcher knows no other device.
   */
  readonly devices: readonly JailDevice[]
}

export type JailDevice = '/dev/kvm'

export interface JailEgress {
  /** Absolute path, at most 107 bytes, of the socket on which the host listens (`egress-link.ts`) before the start. */
  readonly socket: string
  /** 1024 ports at most on which programs may connect to somebody, ascending; 53 and the proxy's are added by the launcher. */
  readonly tcpPorts: readonly number[]
  /** 1024 at most on which they may send datagrams to somebody, ascending. One port at least is in one of the two. */
  readonly udpPorts: readonly number[]
  /** `10.0.0.5/32`, `fd00::/8`: what is local inside besides the synthetic addresses, 1024 ranges at most. */
  readonly addresses: readonly string[]
}

export interface JailChannel {
  /**
   * Absolute path, at most 107 bytes, at which the launcher makes a socket with mode 0600 and removes it at its end.
   * The directory is the owner's, with mode 0700.
   */
  readonly socket: string
}

export interface JailCommand {
  /** Absolute path inside the sandbox of what is executed; `argv[0]` need not be the same. */
  readonly path: string
  readonly argv: readonly string[]
  /** Absolute, visible inside. */
  readonly cwd: string
  /** The whole environment; nothing else is inherited. */
  readonly env: Readonly<Record<string, string>>
  /** The inherited stdin, stdout and stderr are a terminal of the owner's: the launcher puts a pty of the sandbox's own between. */
  readonly terminal: boolean
}

export interface JailMount {
  /** Absolute host path, symbolic links resolved. */
  readonly source: string
  /** Absolute path inside; created. */
  readonly target: string
  readonly access: 'read' | 'write'
  /** Whether files below may be executed. Never with `write`. */
  readonly exec: boolean
  /** `system`: root's read-only files. `user`: seen as the sandbox's own user, by an idmapped mount where root starts it. */
  readonly owner: 'system' | 'user'
}

export interface JailLimits {
  readonly memory: JailLimit
  /** CPUs, may be fractional (0.5). */
  readonly cpus: JailLimit
  readonly pids: JailLimit
  /** All that is private and writable, together: `/tmp`, home, `/dev/shm`. Bytes. */
  readonly disk: JailLimit
  readonly openFiles: JailLimit
  /** Milliseconds that the whole program may take; absent for servers. */
  readonly time: JailLimit | null
}

export interface JailLimit {
  readonly value: number
  /** Written down by the user: needs a cgroup. A default may fall to the second mechanism (design.md, "Commands"). */
  readonly explicit: boolean
}
