import { posix } from 'node:path'
import { isWithin, ownPlaces, whyReserved } from '../paths.ts'
import type { PlanMount } from '../plan.ts'
import type { Item, NotGiven, View } from './learned.ts'
import { joinAskers } from './learned.ts'
import { whySecret } from './secrets.ts'
import type { Askers, Wishes } from './wishes.ts'

/** So many entries of one directory, and the directory is what is meant. */
const several = 3

/** Written by the launcher (native/inside, tree/files.rs): the host's would say who is on it, and whom to ask for names. */
const ownFiles: ReadonlySet<string> = new Set(
  ['passwd', 'group', 'hosts', 'hostname', 'resolv.conf', 'nsswitch.conf', 'machine-id'].map((name) => `/etc/${name}`),
)

/** Looked for by the C library in every program, and needed by none: host.conf(5), gai.conf(5), ld.so(8). */
const ofTheLibrary: ReadonlySet<string> = new Set(['/etc/host.conf', '/etc/gai.conf', '/etc/ld.so.preload'])

export interface LearnedFiles {
  readonly read: readonly Item[]
  readonly write: readonly Item[]
  readonly notGiven: readonly NotGiven[]
}

/** The files and directories outside of what was shown that the host has. */
export function learnFiles({ reads, writes }: Pick<Wishes, 'reads' | 'writes'>, view: View): LearnedFiles {
  const notGiven: NotGiven[] = []
  const wanted = { read: new Map<string, Askers>(), write: new Map<string, Askers>() }
  for (const access of ['write', 'read'] as const) {
    for (const [path, askers] of access === 'write' ? writes : reads) {
      // What it wrote itself it can read again.
      const isOwn = access === 'read' && writes.has(path) && isOwnPlace(path)
      const choice = isOwn ? undefined : choose(path, access, view)
      if (choice === undefined) continue
      if ('why' in choice) notGiven.push({ what: choice.what, why: choice.why, askers })
      else wanted[access].set(choice.path, joinAskers([wanted[access].get(choice.path) ?? new Map(), askers]))
    }
  }
  const write = withoutInner(generalised(wanted.write, view))
  const read = withoutInner(generalised(wanted.read, view)).filter(
    ({ value }) => !write.some((other) => isWithin(value, other.value)),
  )
  return { read, write, notGiven: unique(notGiven) }
}

type Choice = { readonly path: string } | { readonly what: string; readonly why: string } | undefined

/** The path to be given for one that was asked for, why it is not, or undefined where there is nothing to give. */
function choose(asked: string, access: 'read' | 'write', view: View): Choice {
  const path = fromStart(asked, access, view)
  if (whyReserved(path) !== undefined) return undefined
  const fact = view.fact(path)
  if (view.deny.some((denied) => isWithin(path, denied))) return not(path, 'the policy denies it')
  if (ownFiles.has(path) || ofTheLibrary.has(path)) return undefined
  const mount = innermost(throughTop(path, view), view.mounts)
  if (mount !== undefined && (access === 'read' || mount.access === 'write')) return undefined
  if (isOwnPlace(path) && (access === 'write' || fact.kind === 'missing')) return undefined
  if (access === 'write' && mount?.owner === 'system') return undefined
  if (fact.kind === 'missing') {
    const parent = posix.dirname(path)
    if (access === 'read' || view.fact(parent).kind !== 'directory') return undefined
    return checked(parent, `${path}, which is not there yet: a file is made in its directory`, view)
  }
  // One in the middle of what is read-only: it can be written when it is shown for that.
  return checked(path, path, view)
}

/** A path below the root of a sandbox that was not shown where it was started: what it named was beside it. */
function fromStart(path: string, access: 'read' | 'write', { cwd, startedIn, fact }: View): string {
  if (cwd !== '/' || startedIn === '/') return path
  const meant = posix.join(startedIn, path)
  if (fact(path).kind !== 'missing') return path
  const isBeside =
    fact(meant).kind !== 'missing' ||
    (access === 'write' &&
      fact(posix.dirname(path)).kind === 'missing' &&
      fact(posix.dirname(meant)).kind === 'directory') ||
    (access === 'write' && posix.dirname(path) === '/')
  // The directory itself: only where it is shown is it where the program starts.
  return isBeside ? startedIn : path
}

/** `/lib/x` where `/lib` is a link at the top, which the launcher makes inside as well. */
export function throughTop(path: string, { fact }: Pick<View, 'fact'>): string {
  const [, top = '', rest = ''] = /^(\/[^/]+)(.*)$/s.exec(path) ?? []
  const { real } = fact(top)
  return real === undefined ? path : `${real}${rest}`
}

function checked(path: string, asked: string, { fact, home, own }: View): Choice {
  const real = fact(path).real ?? path
  const secret = whySecret(path) ?? whySecret(real) ?? whySecret(asked.split(',', 1)[0] ?? '')
  if (secret !== undefined) return not(path, `it is ${secret}`)
  if (fact(path).kind === 'other')
    return not(path, 'it is a socket, a device or a pipe, which would be a hole in the wall')
  if (own.some((place) => isWithin(real, place) || isWithin(place, real)))
    return not(path, 'Glovebox keeps its own files there')
  if (fact(path).kind === 'directory' && isWide(real, home)) {
    return not(asked, `${path} is too much to be given by a machine: write down what of it is meant`)
  }
  if (fact(path).kind === 'directory' && fact(path).hasSecrets) {
    return not(
      asked,
      `${path} has secrets in it by their names: show it with --read or --write, and hide them with --deny`,
    )
  }
  return { path }
}

function not(what: string, why: string): Choice {
  return { what, why }
}

/** The root, what is right below it, and everything that has the home directory in it. */
function isWide(path: string, home: string): boolean {
  return path === '/' || posix.dirname(path) === '/' || isWithin(home, path)
}

/** Directories instead of their entries where several of one were asked for, as far up as that holds. */
function generalised(wanted: ReadonlyMap<string, Askers>, view: View): Item[] {
  const items = new Map<string, Item>([...wanted].map(([value, askers]) => [value, { value, askers }]))
  const deepestFirst = (a: string, b: string): number => b.split('/').length - a.split('/').length
  const parents = new Set([...items.keys()].map((path) => posix.dirname(path)))
  for (let left = [...parents].toSorted(deepestFirst); left.length > 0; left = left.toSorted(deepestFirst)) {
    const parent = left.shift() ?? '/'
    const inside = [...items.values()].filter(({ value }) => posix.dirname(value) === parent)
    const fact = view.fact(parent)
    if (inside.length < several || fact.hasSecrets || isWide(fact.real ?? parent, view.home)) continue
    for (const { value } of inside) items.delete(value)
    const entries = inside.reduce((sum, item) => sum + (item.entries ?? 1), 0)
    items.set(parent, { value: parent, askers: joinAskers(inside.map(({ askers }) => askers)), entries })
    if (!left.includes(posix.dirname(parent))) left.push(posix.dirname(parent))
  }
  return [...items.values()]
}

function withoutInner(items: readonly Item[]): Item[] {
  return items
    .filter(({ value }) => !items.some((other) => other.value !== value && isWithin(value, other.value)))
    .toSorted((a, b) => (a.value < b.value ? -1 : 1))
}

function isOwnPlace(path: string): boolean {
  return ownPlaces.some((place) => isWithin(path, place))
}

export function innermost(path: string, mounts: readonly PlanMount[]): PlanMount | undefined {
  return mounts.filter((mount) => isWithin(path, mount.target)).toSorted((a, b) => b.target.length - a.target.length)[0]
}

function unique(all: readonly NotGiven[]): NotGiven[] {
  return [...new Map(all.map((each) => [each.what, each])).values()]
}
