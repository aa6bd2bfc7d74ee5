import path from 'node:path'
import { chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { findQemu, qemuAt, versionOf } from '../../src/drivers/microvm/qemu/find.ts'
import { filesInside, qemuJailPlan, type QemuStart } from '../../src/drivers/microvm/qemu/jail-plan.ts'
import { ownArchitecture } from '../../src/drivers/microvm/architecture.ts'
import type { JailPlan } from '../../src/protocol/jail-plan.ts'
import { whyNoMachines } from '../support/machines.ts'
import { unlessPresent } from '../support/requirement.ts'
import { devices, magic, mounts, names } from './rooms/files.ts'
import { entry, privileged, spaces } from './rooms/kernel.ts'
import { families, inet, unix } from './rooms/network.ts'
import { outward } from './rooms/processes.ts'
import { brought, listed } from './rooms/programs.ts'
import { ofTemplate, ofVmm } from './rooms/vmm.ts'
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

interface MachineFiles {
  readonly root: string
  readonly given: string
  readonly memory: string
  /** Of a template in the making: all that its QEMU writes to. */
  readonly making: string
}

/** The files of a machine, which only its owner reads on a host. */
function machineIn({ base, runner }: Place): MachineFiles {
  const directory = path.join(base, 'machine')
  const at = (name: string): string => path.join(directory, name)
  mkdirSync(at('making'), { recursive: true, mode: 0o700 })
  chownSync(at('making'), runner.uid, runner.gid)
  for (const name of ['root', 'given', 'memory', 'state']) {
    writeFileSync(at(name), `the ${name} of a machine\n`, { mode: 0o600 })
    chownSync(at(name), runner.uid, runner.gid)
  }
  chownSync(directory, runner.uid, runner.gid)
  return { root: at('root'), given: at('given'), memory: at('memory'), making: at('making') }
}

interface Stand {
  readonly start: QemuStart['start']
  readonly changes?: Partial<JailPlan>
}

function planIn(place: Place, attacks: readonly Attack[], { start, changes }: Stand): Partial<JailPlan> {
  if (qemu === undefined) throw new Error('there is no QEMU')
  const { root, given, memory, making } = machineIn(place)
  const isBoot = start === 'boot'
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
    args: wordsOf(
      attacks,
      sceneOf({ ...place, ws: isBoot ? '/template' : '/tmp', readOnly: filesInside.root }, 'jail'),
    ),
    parts: { shape: { memoryBytes: 256 * 1024 ** 2, vcpus: 1 }, kernel: root, initrd: root, root, given },
    from: isBoot ? { start, directory: making } : { start, memory, state: '' },
  })
  return { ...plan, ...changes }
}

const inPlaceOf = (what: string, name: string, attacks: readonly Attack[], stand: Stand): Room => ({
  name: `in place of ${what}: ${name}`,
  attacks,
  prepare: (place) => void machineIn(place),
  options: (place) => ({ plan: planIn(place, attacks, stand) }),
})

const room = (name: string, attacks: readonly Attack[], changes: Partial<JailPlan> = {}): Room =>
  inPlaceOf('QEMU', name, attacks, { start: 'clone', changes })

/** It has a directory to write to, and three programs more than one of a clone. */
const making = (name: string, attacks: readonly Attack[], changes: Partial<JailPlan> = {}): Room =>
  inPlaceOf('a QEMU whose template is made', name, attacks, { start: 'boot', changes })

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
    making('names', names),
    making('the mount tree', mounts),
    making('programs that were brought along', brought, { limits: limits({}) }),
    making('a list of programs', listed),
    making('files of the machine, and beside its template', ofTemplate),
  ])
}
