import { posix } from 'node:path'
import { GloveboxError } from '../../../errors.ts'
import { isWithin } from '../../../policy/paths.ts'
import { systemConfiguration, systemPrograms } from '../../../policy/system-paths.ts'
import { whysOfInstallation, type SystemPath } from '../../../policy/host-facts.ts'
import type { Plan, PlanMount } from '../../../policy/plan.ts'
import type { JailMount, JailPlan } from '../../../protocol/jail-plan.ts'
import type { EgressOptions, StartOptions } from '../../driver.ts'
import { requireHonoured } from '../../honour.ts'
import { toJailEgress } from '../../launcher/egress.ts'

/** Where the guest's second drive is mounted, with what is on it called by its number. */
const givenDirectory = '/run/glovebox/given'

/** Where the copy of a workspace is sent: a directory that init has made, whose files a launcher gives to its sandbox. */
export const copyDirectory = '/run/glovebox/work/copy'

/** The sockets of a sandbox in the guest, in a directory that the guest makes before the launcher runs. */
export function socketsInGuest(id: string): { readonly channel: string; readonly egress: string } {
  return { channel: `/run/glovebox/s/${id}/channel`, egress: `/run/glovebox/s/${id}/egress` }
}

/** A plan, divided into what the guest's image has and what of the host has to be brought along. */
export interface Division {
  /** Mounts whose sources are to be packed into the given drive, in this order. */
  readonly given: readonly PlanMount[]
  /** Mounts of the copy that is sent. */
  readonly copied: readonly PlanMount[]
  /** Paths of the guest's own system, or of the copy, that the plan names: which of them there are, only the guest can say. */
  readonly asked: readonly string[]
  /** The name of a program of the image's, which is started instead of the host's. */
  readonly program: string | undefined
}

/**
 * What a plan needs besides the image, before anything is started.
 * @throws GloveboxError HOST_CANNOT for what a machine of its own cannot be given, INTERNAL for a network that its relay is to open
 */
export function dividePlan(
  plan: Plan,
  { socket, egress }: Pick<StartOptions, 'socket' | 'egress'>,
  /** Names of programs that the image has. */
  programs: readonly string[] = [],
): Division {
  requireHonoured(plan, { socket, egress }, 'the microVM')
  const written = plan.mounts.find(({ access }) => access === 'write')
  if (written !== undefined) {
    throw cannot(
      `${written.why}: ${written.source} cannot be written from a virtual machine, which sees a copy of the host's files`,
      `use --workspace ${written.source}:copy, which is copied back, or --driver jail`,
    )
  }
  if (egress?.dials === 'relay') {
    throw new GloveboxError('INTERNAL', 'a relay that is to connect, in a machine without a network')
  }
  const own = ownProgram(plan, programs)
  const given = plan.mounts.filter(
    ({ owner, target, access, why }) =>
      access !== 'copy' &&
      (owner === 'user' || !isOfImage(target)) &&
      !(own !== undefined && isOfProgram(why, target, plan)),
  )
  const isGiven = (path: string): boolean => given.some(({ target }) => isWithin(path, target))
  const { path, argv, cwd } = plan.command
  const candidates = isGiven(path) ? [] : [path, ...alternatives(path, argv[0])]
  const directories = isOfSystem(cwd, plan) ? [cwd] : []
  const asked = [...candidates, ...directories, ...(plan.exec ?? []), ...loaders(plan.exec), ...plan.deny]
  const copied = plan.mounts.filter(({ access }) => access === 'copy')
  return { given, copied, asked: [...new Set(asked)].filter((each) => !isGiven(each)), program: own }
}

/**
 * A program that was asked for by its name alone is the image's where it has one of that name. The host's may be a shim of a
 * version manager, whose versions are not there, or be linked with libraries that the image has not. What was named by a path, and a
 * virtual environment, which is a path by itself, is what was meant.
 */
function ownProgram({ command: { path, argv }, mounts }: Plan, programs: readonly string[]): string | undefined {
  const [name = ''] = argv
  if (name.includes('/') || !programs.includes(name) || isWithin(path, '/usr')) return undefined
  const isBrought = (why: string): boolean => why === 'program' || installation.has(why)
  return mounts.some(({ target, why }) => isBrought(why) && isWithin(path, target)) ? name : undefined
}

const installation: ReadonlySet<string> = new Set(Object.values(whysOfInstallation))

/** What was brought along for the program alone, as `runtime/inspect` says why. */
function isOfProgram(why: string, target: string, { command }: Plan): boolean {
  return installation.has(why) || (why === 'program' && isWithin(command.path, target))
}

export interface GuestFacts {
  readonly system: readonly SystemPath[]
  /** Of the paths that were asked for, those that the guest's system has. */
  readonly present: ReadonlySet<string>
}

/**
 * The plan of the sandbox in the guest, with the paths of the guest.
 * @throws GloveboxError NOT_FOUND for a program that the image does not have
 */
export function toGuestPlan(
  plan: Plan,
  { given, copied, program }: Division,
  { system, present }: GuestFacts,
  { id, terminal, hold, channel, egress }: GuestStartOptions,
): JailPlan {
  refuseInSystem(given, system)
  const isThere = (path: string): boolean => present.has(path) || given.some(({ target }) => isWithin(path, target))
  const sockets = socketsInGuest(id)
  const { cwd } = plan.command
  return {
    schema: 'glovebox/jail-plan/1',
    id,
    command: {
      ...plan.command,
      path: programIn(plan, isThere),
      cwd: isThere(cwd) || leadsTo(cwd, [...given, ...copied]) || !leadsTo(cwd, plan.mounts) ? cwd : '/',
      terminal,
    },
    mounts: [...system.map(systemMount), ...given.map(givenMount), ...copied.map(copyMount)].toSorted(
      (a, b) => depth(a) - depth(b),
    ),
    // What is neither there nor given cannot be seen, and could not be masked.
    deny: plan.deny.filter(isThere),
    exec:
      plan.exec === null
        ? null
        : [...plan.exec, ...(program === undefined ? [] : alternatives('', program)), ...loaders(plan.exec)].filter(
            isThere,
          ),
    limits: plan.limits,
    mode: plan.mode,
    allowDegraded: plan.allowDegraded,
    channel: channel ? { socket: sockets.channel } : null,
    hold,
    egress: egress === undefined ? null : toJailEgress({ ...egress, socket: sockets.egress }),
    devices: [],
  }
}

/** The image's directories are read-only and shared: there is no place in them to mount anything at. */
function refuseInSystem(given: readonly PlanMount[], system: readonly SystemPath[]): void {
  for (const { target, why } of given) {
    const within = system.find(({ path }) => isWithin(target, path))
    if (within === undefined) continue
    throw cannot(
      `${why}: ${target} is in ${within.path}, which is the image's own in a virtual machine, and has nothing there`,
      'use a program outside of the system directories, an image that has it (glovebox image build --from), or --driver jail',
    )
  }
}

export interface GuestStartOptions {
  readonly id: string
  readonly terminal: boolean
  readonly hold: boolean
  readonly channel: boolean
  readonly egress: Omit<EgressOptions, 'dials' | 'socket'> | undefined
}

function systemMount({ path, source, exec }: SystemPath): JailMount {
  return { source, target: path, access: 'read', exec, owner: 'system' }
}

function givenMount({ target, exec }: PlanMount, index: number): JailMount {
  return { source: `${givenDirectory}/${index}`, target, access: 'read', exec, owner: 'user' }
}

function copyMount({ target, exec }: PlanMount): JailMount {
  return { source: copyDirectory, target, access: 'write', exec, owner: 'user' }
}

/** Where a path of the sandbox's is in the guest, outside of it. */
export function pathInGuest(path: string, { copied }: Pick<Division, 'copied'>): string {
  const mount = copied.find(({ target }) => isWithin(path, target))
  return mount === undefined ? path : `${copyDirectory}${path.slice(mount.target.length)}`
}

/** A later mount may sit inside an earlier one. */
function depth({ target }: JailMount): number {
  return target.split('/').length
}

/** The system of the sandbox is the image's; what else root owns on the host is brought along as it is. */
function isOfImage(target: string): boolean {
  return [...systemPrograms, ...systemConfiguration].includes(target)
}

/** A program of the system is the image's own of the same name: the host's `/usr/bin/python3.13` may be called `python3` there. */
function programIn({ command: { path, argv } }: Plan, isThere: (path: string) => boolean): string {
  const found = [path, ...alternatives(path, argv[0])].find(isThere)
  if (found !== undefined) return found
  throw new GloveboxError('NOT_FOUND', `the image of the virtual machine has no ${path}`, {
    fix: 'glovebox image list shows what it has; a program outside the system directories is brought along',
  })
}

function alternatives(path: string, name: string = path): string[] {
  return [`/usr/bin/${posix.basename(name)}`, `/usr/local/bin/${posix.basename(name)}`].filter((each) => each !== path)
}

/** A list of programs names the host's loader; the image's has to be on it too. */
function loaders(exec: readonly string[] | null): string[] {
  if (exec === null) return []
  return [
    '/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
    '/usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1',
    '/usr/lib64/ld-linux-x86-64.so.2',
    '/usr/lib/ld-linux-aarch64.so.1',
    '/lib/ld-musl-x86_64.so.1',
    '/lib/ld-musl-aarch64.so.1',
  ]
}

/** The host's system is not the image's: a directory of it may be missing there, and then is none to begin in. */
/** Whether it is there because of one of these: in it, or above it. */
function leadsTo(path: string, mounts: readonly PlanMount[]): boolean {
  return mounts.some(({ target }) => isWithin(path, target) || isWithin(target, path))
}

function isOfSystem(path: string, { mounts }: Plan): boolean {
  const innermost = mounts
    .filter(({ target }) => isWithin(path, target))
    .toSorted((a, b) => b.target.length - a.target.length)[0]
  return innermost?.owner === 'system'
}

function cannot(message: string, fix: string): GloveboxError {
  return new GloveboxError('HOST_CANNOT', message, { fix })
}
