import type { Attack, Scene } from '../support/attack.ts'
import type { JailLimits } from '../../../src/protocol/jail-plan.ts'

/** An attack on a limit. Outside it reaches `most`; in a sandbox with these limits it must not. */
export interface Bomb extends Attack {
  readonly limits: Partial<Record<keyof JailLimits, number>>
  /** Whose measure is taken from outside while it runs. */
  readonly measure: 'processes' | 'memory' | 'none'
  /** Only a control group counts it: without one this is documented, and not held. */
  readonly needsGroup?: boolean
}

const MiB = 1024 ** 2
const host = { on: 'host' } as const
/** A control run reaches its goal and lets go. */
const holding = ({ side }: Scene): Record<string, number> => (side === 'jail' ? {} : { hold: 0 })
const most =
  (count: number) =>
  (scene: Scene): Record<string, number> => ({ most: count, ...holding(scene) })
const inTmp =
  (count: number) =>
  (scene: Scene): Record<string, string | number> => ({
    ...most(count)(scene),
    dir: scene.side === 'jail' ? '/tmp' : scene.place.ws,
    dirs: scene.side === 'jail' ? '/tmp:/home/user:/dev/shm:/run:/var/tmp' : scene.place.ws,
  })

const processes = (name: string, title: string): Bomb => ({
  title,
  name,
  args: most(120),
  limits: { pids: 40 },
  measure: 'processes',
  control: host,
})

/** 96 MiB and no more, wherever they lie. */
const memory = (name: string, title: string, args: Attack['args'] = most(160)): Bomb => ({
  title,
  name,
  args,
  limits: { memory: 96 * MiB, disk: 90 * MiB },
  measure: 'memory',
  control: host,
})

export const bombs: readonly Bomb[] = [
  processes('fork-bomb', 'processes stop at their limit'),
  processes('clone-bomb', 'processes that signal nobody when they end stop at the limit'),
  processes('thread-bomb', 'threads stop at the limit of processes'),
  memory('memory-anonymous', 'private memory stops at its limit'),
  memory('memory-children', 'memory spread over many processes stops at the limit of the sandbox'),
  memory('memory-shared', 'shared memory counts'),
  memory('memory-segments', 'System V segments count'),
  memory('memory-memfd', 'files in memory count'),
  memory('memory-files', 'files in /tmp count as memory', inTmp(160)),
  memory('memory-pipes', 'bytes parked in pipes count', most(112)),
  memory('memory-sockets', 'bytes parked in sockets count'),
  memory('memory-sockets-children', 'bytes parked in the sockets of many processes count'),
  {
    ...memory('memory-secret', 'memory that the kernel cannot see is refused, or counts'),
    // Outside it is bounded by what a user may lock.
    control: { on: 'host', unless: ['EAGAIN', 'ENOSYS'] },
  },
  memory('memory-page-tables', 'page tables count'),
  {
    // Counted as 200 bytes each; before Linux 6.4 one takes a quarter less.
    ...memory('memory-mappings', 'mappings count, where a control group holds the memory', most(136)),
    needsGroup: true,
  },
  {
    ...memory('memory-watches', 'watches count', most(112)),
    control: { on: 'host', unless: ['EMFILE'] },
  },
  {
    title: 'memory that is locked stops at its limit',
    name: 'memory-locked',
    args: most(12),
    limits: {},
    measure: 'none',
    control: { unproven: 'how much may be locked outside is for the host to say' },
  },
  {
    title: 'descriptors stop at their limit',
    name: 'descriptor-bomb',
    args: most(400),
    limits: { openFiles: 256 },
    measure: 'none',
    control: host,
  },
  {
    title: 'queued signals stop at a limit of the sandbox',
    name: 'signal-bomb',
    args: most(8192),
    limits: {},
    measure: 'none',
    control: host,
  },
  {
    title: 'files in all private directories together stop at the limit of the disk',
    name: 'disk-fill',
    args: inTmp(48),
    limits: { disk: 24 * MiB },
    measure: 'none',
    control: host,
  },
  {
    title: 'space that is asked for at once stops at the limit of the disk',
    name: 'disk-sparse',
    args: inTmp(48),
    limits: { disk: 24 * MiB },
    measure: 'none',
    control: { on: 'host', unless: ['EOPNOTSUPP'] },
  },
  {
    title: 'empty files stop at a limit of their own',
    name: 'inode-fill',
    args: inTmp(8000),
    limits: { disk: 24 * MiB },
    measure: 'none',
    control: host,
  },
]
