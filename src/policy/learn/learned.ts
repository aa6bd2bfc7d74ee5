import type { PathFact } from '../host-facts.ts'
import type { PlanMount } from '../plan.ts'
import type { Askers } from './wishes.ts'

/** What a run was given, and what of the host its wishes are about: enough to choose without looking. */
export interface View {
  readonly mounts: readonly PlanMount[]
  readonly deny: readonly string[]
  /** Where it was started on the host, and where it was inside: `/` when the former was not shown. */
  readonly startedIn: string
  readonly cwd: string
  /** The user's home, real path. */
  readonly home: string
  /** Where Glovebox keeps its own. */
  readonly own: readonly string[]
  /** Real paths that may be executed in any case: the command itself, its interpreter, its loader. */
  readonly executables: readonly string[]
  /** Of every path that was asked for, and of the directories around them. */
  readonly fact: (path: string) => LookedUp
}

export interface LookedUp extends PathFact {
  readonly isExecutable: boolean
  /** Of a directory: something in it is a secret by its name. */
  readonly hasSecrets: boolean
}

/** One entry of a list of the policy, with what asked for it. */
export interface Item {
  readonly value: string
  readonly askers: Askers
  /** How many things it stands for, where it is more than what was asked for. */
  readonly entries?: number
}

export interface NotGiven {
  readonly what: string
  readonly why: string
  readonly askers: Askers
}

/** What has to be added to a policy so that the same run gets what it asked for, and nothing beyond. */
export interface Learned {
  readonly read: readonly Item[]
  readonly write: readonly Item[]
  readonly exec: readonly Item[]
  readonly connect: readonly Item[]
  readonly notGiven: readonly NotGiven[]
}

export const nothingLearned: Learned = { read: [], write: [], exec: [], connect: [], notGiven: [] }

/** Several rounds as one; what a later one still wants and does not get is told once. */
export function together(before: Learned, next: Learned): Learned {
  return {
    read: merged(before.read, next.read),
    write: merged(before.write, next.write),
    exec: merged(before.exec, next.exec),
    connect: merged(before.connect, next.connect),
    notGiven: [...new Map([...before.notGiven, ...next.notGiven].map((each) => [each.what, each])).values()],
  }
}

function merged(before: readonly Item[], next: readonly Item[]): Item[] {
  return [...new Map([...next, ...before].map((item) => [item.value, item])).values()].toSorted((a, b) =>
    a.value < b.value ? -1 : 1,
  )
}

export function joinAskers(all: readonly Askers[]): Askers {
  const sum = new Map<string, number>()
  for (const askers of all) for (const [who, times] of askers) sum.set(who, (sum.get(who) ?? 0) + times)
  return sum
}
