import path from 'node:path'
import { chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { findQemu, qemuAt, versionOf } from '../../src/drivers/microvm/qemu/find.ts'
import { filesInside, qemuJailPlan } from '../../src/drivers/microvm/qemu/jail-plan.ts'
import { ownArchitecture } from '../../src/drivers/microvm/architecture.ts'
import type { JailPlan } from '../../src/protocol/jail-plan.ts'
import { whyNoMachines } from '../support/machines.ts'
import { unlessPresent } from '../support/requirement.ts'
import { devices, magic, mounts, names } from './rooms/files.ts'
import { entry, privileged, spaces } from './rooms/kernel.ts'
import { families, inet, unix } from './rooms/network.ts'
import { outward } from './rooms/processes.ts'
import { brought, listed } from './rooms/programs.ts'
import { ofVmm } from './rooms/vmm.ts'
import { sceneOf, wordsOf, type Attack } from './support/attack.ts'
import { limits } from './support/jail.ts'
import type { Place } from './support/place.ts'
import { attackRooms, type Room } from './support/suite.ts'

/**
 * A guest that has taken over its QEMU: the attacking program stands in QEMU's place, under the plan that QEMU is started by. What QEMU's own
 * filter (-sandbox) takes away besides is not counted on here.
 */
const missing = unlessPresent('QEMU', whyNoMachines())
const qemu = missing === false ? await installed() : undefined

async function installed(): Promise<ReturnType<typeof qemuAt>> {
  const found = findQemu(process.env, ownArchitecture())
  return qemuAt(found, await versionOf(found))
}

/** The files of a machine, which only its owner reads on a host. */
function machineIn({ base, runner }: Place): { root: string; given: string; memory: string } {
  const directory = path.join(base, 'machine')
  const at = (name: string): string => path.join(directory, name)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  for (const name of ['root', 'given', 'memory', 'state']) {
    writeFileSync(at(name), `the ${name} of a machine\n`, { mode: 0o600 })
    chownSync(at(name), runner.uid, runner.gid)
  }
  chownSync(directory, runner.uid, runner.gid)
  return { root: at('root'), given: at('given'), memory: at('memory') }
}

function planIn(place: Place, attacks: readonly Attack[], changes: Partial<JailPlan>): Partial<JailPlan> {
  if (qemu === undefined) throw new Error('there is no QEMU')
  const { root, given, memory } = machineIn(place)
  const programs = [place.bin, path.dirname(place.forbidden)].map(
    (each) => ({ source: each, target: each, access: 'read', exec: true, owner: 'user' }) as const,
  )
  const { schema, id, ...plan } = qemuJailPlan({
    id: `vm-${place.name}`,
    qemu: {
      ...qemu,
      path: place.attacks,
      mounts: [...qemu.mounts, ...programs],
      executables: [place.attacks, ...qemu.executables],
    },
    accelerator: 'tcg',
    // It has no workspace: what is tried with one is tried where it can write.
    args: wordsOf(attacks, sceneOf({ ...place, ws: '/tmp', readOnly: filesInside.root }, 'jail')),
    parts: { shape: { memoryBytes: 256 * 1024 ** 2, vcpus: 1 }, kernel: '', initrd: '', root, given },
    from: { start: 'clone', memory, state: '' },
  })
  return { ...plan, ...changes }
}

const room = (name: string, attacks: readonly Attack[], changes: Partial<JailPlan> = {}): Room => ({
  name: `in place of QEMU: ${name}`,
  attacks,
  prepare: (place) => void machineIn(place),
  options: (place) => ({ plan: planIn(place, attacks, changes) }),
})

if (qemu !== undefined) {
  attackRooms([
    room('names', names),
    room('/proc and descriptors', magic),
    room('the mount tree', mounts),
    room('devices', devices),
    room('namespaces', spaces),
    room('privileged calls', privileged),
    room('doors into the kernel', entry),
    room('IPv4 and IPv6', inet),
    // A socket in its own /tmp nobody on the host sees.
    room(
      'Unix sockets',
      unix.filter(({ name }) => name !== 'unix-bind'),
    ),
    room('other families', families),
    room('processes outside', outward),
    // In the megabyte that QEMU has there is no room for a program.
    room('programs that were brought along', brought, { limits: limits({}) }),
    room('a list of programs', listed),
    room('what belongs to a machine', ofVmm(qemu)),
  ])
}
