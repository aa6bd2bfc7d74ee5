import type { LimitsConfig } from '../schema/limits.ts'
import type { SandboxConfig } from '../schema/sandbox.ts'

/** Where a line of a profile is. */
export interface Place {
  readonly file: string
  readonly line: number
  /** It came with Glovebox: its limits are defaults. */
  readonly isBuiltIn: boolean
}

interface Placed {
  readonly value: string
  readonly place: Place
}

/** What the lines of a profile, and of those that it includes, have said so far. */
export interface Draft {
  readonly home: string
  readonly shown: Placed[]
  readonly readOnly: Placed[]
  readonly hidden: Placed[]
  readonly notHidden: Set<string>
  readonly notExecutable: Placed[]
  readonly programs: Placed[]
  readonly resolvers: Placed[]
  readonly env: Map<string, Placed>
  readonly limits: Map<'memory' | 'pids' | 'openFiles', { readonly value: number; readonly place: Place }>
}

export function newDraft(home: string): Draft {
  return {
    home,
    shown: [],
    readOnly: [],
    hidden: [],
    notHidden: new Set(),
    notExecutable: [],
    programs: [],
    resolvers: [],
    env: new Map(),
    limits: new Map(),
  }
}

/** A whole profile: what it says of a sandbox, and where each key of that was written. */
export interface Profile {
  readonly name: string
  readonly sandbox: SandboxConfig
  readonly env: Readonly<Record<string, string>>
  readonly defaultLimits: LimitsConfig
  readonly places: ReadonlyMap<string, Place>
}

/** What is wrong, and how to mend it; the rest is read on, to find more. */
export type OnMistake = (place: Place, why: string, fix: string) => void

/** A draft as a profile; lines that contradict each other are mistakes. */
export function finishProfile(name: string, draft: Draft, onMistake: OnMistake): Profile {
  const places = new Map<string, Place>()
  const values = (key: string, items: readonly Placed[]): string[] => {
    const unique = [...new Map(items.map((item) => [item.value, item])).values()]
    for (const [index, { place }] of unique.entries()) places.set(`${key}[${index}]`, place)
    return unique.map(({ value }) => value)
  }
  const readOnly = new Set(draft.readOnly.map(({ value }) => value))
  const read = values('filesystem.read', draft.readOnly)
  const write = values(
    'filesystem.write',
    draft.shown.filter(({ value }) => !readOnly.has(value)),
  )
  for (const { value, place } of draft.notExecutable) {
    if (!read.some((path) => path === value || value.startsWith(`${path}/`) || path.startsWith(`${value}/`))) continue
    onMistake(
      place,
      `what is shown read-only may be executed, ${value} too`,
      'list the programs that may run with private-bin',
    )
  }
  const deny = values('filesystem.deny', draft.hidden)
  const exec = values('exec', draft.programs)
  const resolvers = values('network.resolvers', draft.resolvers)
  for (const { place } of draft.programs.slice(0, 1)) places.set('exec', place)
  for (const [key, { place }] of draft.env) places.set(`env.${key}`, place)
  for (const [key, { place }] of draft.limits) places.set(`limits.${key}`, place)
  const limitsFrom = (isBuiltIn: boolean): LimitsConfig =>
    Object.fromEntries(
      [...draft.limits]
        .filter(([, { place }]) => place.isBuiltIn === isBuiltIn)
        .map(([key, { value }]) => [key, value]),
    )
  return {
    name,
    sandbox: {
      filesystem: { read, write, deny },
      ...(exec.length > 0 && { exec }),
      ...(resolvers.length > 0 && { network: { resolvers } }),
      limits: limitsFrom(false),
    },
    env: Object.fromEntries([...draft.env].map(([key, { value }]) => [key, value])),
    defaultLimits: limitsFrom(true),
    places,
  }
}
