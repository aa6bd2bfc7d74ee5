import type { Attack, Control } from '../support/attack.ts'

const host: Control = { on: 'host' }

/** Towards processes and objects of others. The numbers are those of the host. */
export const outward: readonly Attack[] = [
  ...(
    [
      ['signal', 'a process outside gets no signal, nor does its group'],
      ['signal-queue', 'a process outside gets no signal with a value'],
      ['signal-owner', 'the kernel sends no signal outside on our behalf'],
    ] as const
  ).map(([name, title]): Attack => ({
    title,
    name,
    args: ({ place }) => ({ victim: place.witness.victim, group: place.witness.group }),
    control: host,
    touches: 'victim signalled',
  })),
  {
    title: 'a signal to everybody reaches nobody outside',
    name: 'signal-everybody',
    control: {
      unproven: 'outside it would reach everybody: the witness is shown to hear signals by the other attacks',
    },
  },
  {
    title: 'a process outside has no descriptor here, and pid 1 gives none of its own away',
    name: 'pidfd',
    args: ({ place, init }) => ({ victim: place.witness.victim, init }),
    control: host,
  },
  {
    title: 'no process can be traced, neither outside nor pid 1',
    name: 'ptrace',
    args: ({ place, init }) => ({ victim: place.witness.victim, init }),
    control: host,
  },
  {
    title: 'the memory of a process outside cannot be read',
    name: 'read-memory',
    args: ({ place }) => ({ victim: place.witness.victim, address: place.witness.address }),
    control: host,
  },
  {
    title: 'the memory of a process outside cannot be written',
    name: 'write-memory',
    args: ({ place }) => ({ victim: place.witness.victim, address: place.witness.address }),
    control: host,
  },
  {
    title: 'the memory of pid 1 cannot be read',
    name: 'memory-of-init',
    args: ({ init }) => ({ init }),
    control: host,
  },
  {
    title: 'the priority of a process outside stays, and ours does not rise',
    name: 'priority',
    args: ({ place }) => ({ victim: place.witness.victim, group: place.witness.group }),
    control: host,
  },
  {
    title: 'the scheduling of a process outside stays, and ours is not real-time',
    name: 'scheduler',
    args: ({ place }) => ({ victim: place.witness.victim }),
    control: host,
  },
  {
    title: 'the limits of a process outside stay, and ours do not rise',
    name: 'limits',
    args: ({ place }) => ({ victim: place.witness.victim }),
    control: host,
  },
  {
    title: 'no process outside is in sight',
    name: 'see-processes',
    args: ({ place }) => ({ marker: place.name }),
    control: host,
  },
  {
    title: 'shared memory of the host cannot be found',
    name: 'shared-memory',
    args: ({ place }) => ({ key: place.witness.key, id: place.witness.segment }),
    control: host,
    touches: 'shared memory',
  },
  {
    title: 'message queues of the host cannot be found',
    name: 'message-queue',
    args: ({ place }) => ({ key: place.witness.key }),
    control: host,
  },
  {
    title: 'semaphores of the host cannot be found',
    name: 'semaphore',
    args: ({ place }) => ({ key: place.witness.key }),
    control: host,
  },
  {
    title: 'POSIX queues and shared memory of the host cannot be found',
    name: 'posix-queue',
    args: ({ place }) => ({ name: place.witness.queue }),
    control: host,
  },
  {
    title: 'orphans are reaped, so that they do not use up the processes',
    name: 'zombie-bomb',
    args: () => ({ most: 400 }),
    control: { unproven: 'it shows that something works' },
  },
  {
    title: 'pid 1 withstands every signal',
    name: 'kill-init',
    args: () => ({ init: 1 }),
    control: { unproven: 'outside, this would be for the init of the host' },
  },
]
