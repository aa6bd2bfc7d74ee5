/** What a sandbox can be promised, as outcomes (design.md, "What it never does", 1). */
export const controls = [
  'fs.read',
  'fs.write',
  'fs.exec',
  'net',
  'ipc',
  'procs',
  'kernel',
  'env',
  'memory',
  'cpus',
  'pids',
  'disk',
  'time',
] as const

export type Control = (typeof controls)[number]

/** One line of a receipt: what holds a control, and the further layers behind it. */
export interface Enforcement {
  readonly control: Control
  readonly enforced: boolean
  /** The mechanism that holds it (`mount tree`, `cgroup v1 memory`), or why nothing does. */
  readonly mechanism: string
  /** Further layers that also stand in the way (`landlock abi 7`). */
  readonly layers: readonly string[]
  /** What is allowed and cannot be checked here, though the control holds: addresses behind a proxy of the host, what datagrams say. */
  readonly unchecked?: string
  /** What would make it enforceable, when it is not. */
  readonly fix?: string
}
