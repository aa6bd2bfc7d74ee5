import type { Place } from './place.ts'

/** What an attacking program tells about one attack. */
export interface Report {
  readonly attack: string
  /** It made the calls that it consists of: being refused counts, not having been able to ask does not. */
  readonly attempted: boolean
  /** `none`, or what it got. */
  readonly effect: string
  readonly errno: string | null
  readonly reason: string | null
  readonly calls: readonly (readonly [string, string])[]
}

/** Where a program runs: in the jail, on the host like any program, or in throw-away namespaces with all rights in them. */
export type Side = 'jail' | 'host' | 'namespaces'

/** The place, as the program sees it from where it runs. */
export interface Scene {
  readonly side: Side
  readonly place: Place
  /** Directories that may be written. */
  readonly writable: string
  /** One where something can be mounted, when anything can. */
  readonly mountPoint: string
  /** The process that started us: pid 1 of the sandbox; outside the victim plays its part. */
  readonly init: number
}

/**
 * What shows that the attack works where nothing stops it, so that its failure in the jail means something.
 * `host`: as the same user, outside. `namespaces`: outside, with every right over new namespaces.
 * `as`: only this identity can show it; the other's jail run is judged all the same.
 * `unless`: answers that mean that this kernel does not have what is attacked.
 */
export type Control =
  | { readonly on: 'host' | 'namespaces'; readonly as?: 'root' | 'user'; readonly unless?: readonly string[] }
  | { readonly unproven: string }

export interface Attack {
  /** A sentence about the jail. */
  readonly title: string
  /** Of the attacking program. */
  readonly name: string
  /** Tells apart two attacks of one name. */
  readonly id?: string
  readonly args?: (scene: Scene) => Readonly<Record<string, string | number>>
  readonly control: Control
  /** What the witness reports after the control run. */
  readonly touches?: string
  /** Known not to be stopped, and why that is no escape. The test then holds that it still is so. */
  readonly documented?: string
}

export const idOf = (attack: Attack): string => attack.id ?? attack.name

export function sceneOf(place: Place, side: Side): Scene {
  const inside = ['/tmp', '/home/user', '/dev/shm', '/run', '/var/tmp', place.ws]
  return {
    side,
    place,
    writable: side === 'jail' ? inside.join(':') : place.ws,
    mountPoint: side === 'jail' ? '/tmp' : '/mnt',
    init: side === 'jail' ? 1 : place.witness.victim,
  }
}

/** The words after `attacks run`. */
export function wordsOf(attacks: readonly Attack[], scene: Scene): string[] {
  const each = attacks.map((attack) => {
    const args = Object.entries(attack.args?.(scene) ?? {}).map(([key, value]) => `${key}=${value}`)
    return [`${idOf(attack)}:${attack.name}`, ...args]
  })
  return ['run', ...each.flatMap((words, index) => (index === 0 ? words : ['--', ...words]))]
}

/** The reports in an output, by id. A line that is none is an error: an attack must not be lost in noise. */
export function reportsIn(output: string): Map<string, Report> {
  const lines = output.split('\n').filter((line) => line.startsWith('{"attack"'))
  return new Map(lines.map((line) => JSON.parse(line) as Report).map((report) => [report.attack, report]))
}
