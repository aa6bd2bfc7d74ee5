import path from 'node:path'
import { filesInside } from '../../../src/drivers/microvm/qemu/jail-plan.ts'
import type { Qemu } from '../../../src/drivers/microvm/qemu/find.ts'
import type { Attack } from '../support/attack.ts'

const host = { on: 'host' } as const
const beside = (base: string, name: string): string => path.join(base, 'machine', name)

/** What a VMM that was taken over must not do with the files that its machine is made of, and with those beside them. */
export function ofVmm({ readOnlyMemory }: Pick<Qemu, 'readOnlyMemory'>): readonly Attack[] {
  return [
    ...(['root', 'given'] as const).map((name): Attack => ({
      title: `the machine’s drive cannot be written to: ${name}`,
      name: 'read-only-file',
      id: `write-${name}`,
      args: ({ place, side }) => ({ target: side === 'jail' ? filesInside[name] : beside(place.base, name) }),
      control: host,
    })),
    {
      title: readOnlyMemory
        ? 'the memory that all clones of a template begin with cannot be written to'
        : 'this QEMU opens its memory for writing, and could change what its siblings have not touched yet',
      name: 'write-path',
      id: 'write-memory-file',
      args: ({ place, side }) => ({ target: side === 'jail' ? filesInside.memory : beside(place.base, 'memory') }),
      control: host,
      ...(!readOnlyMemory && { documented: 'QEMU before 8.2; the receipt says so (docs/microvm.md)' }),
    },
    ...['state', 'root'].map((name): Attack => ({
      title: `nothing of the template is in sight by its name on the host: ${name}`,
      name: 'read-path',
      id: `read-${name}`,
      args: ({ place }) => ({ target: beside(place.base, name) }),
      control: host,
    })),
    {
      title: 'what is beside the template’s memory is not in sight',
      name: 'read-path',
      id: 'read-beside-memory',
      args: ({ place, side }) => ({ target: side === 'jail' ? '/template/state' : beside(place.base, 'state') }),
      control: host,
    },
    ...['/run/dbus/system_bus_socket', '/run/systemd/private', '/run/docker.sock', '@/org/freedesktop/systemd1'].map(
      (socket): Attack => ({
        title: `no service of the host is there: ${socket}`,
        name: 'unix-stream',
        id: `service-${socket}`,
        args: () => ({ socket }),
        control: { unproven: 'which services a host has is not ours to say; Unix sockets have a room of their own' },
      }),
    ),
    {
      title: 'the disk takes a megabyte and no more',
      name: 'disk-fill',
      args: ({ side, place }) => ({
        most: 8,
        dir: side === 'jail' ? '/tmp' : place.ws,
        dirs: side === 'jail' ? '/tmp:/home/user:/dev/shm:/run:/var/tmp' : place.ws,
        ...(side !== 'jail' && { hold: 0 }),
      }),
      control: host,
    },
    {
      title: 'processes stop at their limit',
      name: 'fork-bomb',
      args: ({ side }) => ({ most: 80, ...(side !== 'jail' && { hold: 0 }) }),
      control: host,
    },
  ]
}

/** The same while a template is made, whose directory is the VMM's own: `making`, on the host. */
export const ofTemplate: readonly Attack[] = [
  ...(['kernel', 'initrd', 'root', 'given'] as const).map((name): Attack => ({
    title: `what the machine is booted from cannot be written to: ${name}`,
    name: 'read-only-file',
    id: `write-${name}`,
    args: ({ place, side }) => ({
      target: side === 'jail' ? filesInside[name] : beside(place.base, name === 'given' ? name : 'root'),
    }),
    control: host,
  })),
  ...['../state', '../memory', '../machine/state'].map((name): Attack => ({
    title: `what is beside the template in the making is not in sight: ${name}`,
    name: 'read-path',
    id: `read-${name}`,
    args: ({ place, side }) => ({ target: side === 'jail' ? `/template/${name}` : beside(place.base, 'state') }),
    control: host,
  })),
]
