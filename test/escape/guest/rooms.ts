import type { JailPlan } from '../../../src/protocol/jail-plan.ts'
import { denied, devices, magic, mounts, names, readOnly } from '../rooms/files.ts'
import { entry, privileged, spaces } from '../rooms/kernel.ts'
import { families, inet, unix } from '../rooms/network.ts'
import { outward } from '../rooms/processes.ts'
import { brought, listed, loadersOf } from '../rooms/programs.ts'
import { withList } from '../support/listed.ts'
import type { Place } from '../support/place.ts'
import { workspaceOutside } from './place.ts'
import type { GuestRoom } from './suite.ts'

export const listOf = (place: Place): Partial<JailPlan> => withList(place).plan ?? {}

/** The rooms that are visited in a machine of any processor. @param loader the image's own */
export const roomsOfEach = (loader: string): readonly GuestRoom[] => [
  { name: 'names', attacks: names, shown: true },
  { name: '/proc and descriptors', attacks: magic, shown: true },
  { name: 'read-only mounts', attacks: readOnly, shown: true },
  { name: 'the mount tree', attacks: mounts, shown: true },
  { name: 'devices', attacks: devices, shown: true },
  { name: 'denied paths', attacks: denied, shown: true },
  { name: 'namespaces', attacks: spaces, shown: true },
  { name: 'privileged calls', attacks: privileged, shown: true },
  { name: 'doors into the kernel', attacks: entry, shown: true },
  { name: 'IPv4 and IPv6', attacks: inet, shown: true },
  { name: 'Unix sockets', attacks: unix, shown: true, shownIn: workspaceOutside },
  { name: 'other families', attacks: families, shown: true },
  { name: 'processes outside', attacks: outward, shown: true },
  { name: 'programs that were brought along', attacks: brought, shown: true },
  { name: 'a list of programs', attacks: listed, plan: listOf, shown: true },
  {
    name: 'a list with a loader',
    attacks: loadersOf(loader),
    plan: (place) => withList(place, [loader]).plan ?? {},
    shown: true,
  },
]
