import { GloveboxError } from '../errors.ts'
import { makeDirectory } from '../system/make-directory.ts'
import { attemptOf } from './attempt.ts'
import { findEvent, parseEventId } from './event-id.ts'
import type { Progress } from './index/catch-up.ts'
import { queryRecord } from './query.ts'
import type { Attempt } from '../policy/explain/attempt.ts'
import { term } from './terms.ts'

/** A denial among the last ones of a server, or of all. */
export interface Denial {
  readonly attempt: Attempt
  /** How many among the last denials are the same: the same rule about the same thing. */
  readonly times: number
}

/** What older versions recorded as denied: nothing was kept from anybody, and programs ask for such sockets by the dozen. */
const noise: ReadonlySet<string> = new Set(['unix.absent'])

/** Denials that are looked at for the last one that says something. */
const window = 500

/**
 * The event of an id, else the last denial of a server or of a sandbox, else that of this machine.
 * @throws GloveboxError FAILED when there is none
 */
export function findDenial(directory: string, wanted: string | undefined, onProgress: Progress): Denial {
  const id = wanted === undefined ? undefined : parseEventId(wanted)
  if (id !== undefined) {
    const entry = findEvent(directory, id)
    if (entry !== undefined) return { attempt: attemptOf(entry), times: 1 }
    throw new GloveboxError('FAILED', `no event ${wanted} is in the record`, {
      fix: 'glovebox audit query --verdict denied shows denials with their ids',
    })
  }
  const found = denials(directory, wanted, onProgress)
  const told = found.filter(({ rule }) => !noise.has(rule))
  const attempt = told.at(-1) ?? found.at(-1)
  if (attempt === undefined) throw nothing(wanted)
  return { attempt, times: found.filter((other) => isSame(other, attempt)).length }
}

function denials(directory: string, wanted: string | undefined, onProgress: Progress): Attempt[] {
  makeDirectory(directory)
  const denied = term('verdict', 'denied')
  const questions =
    wanted === undefined
      ? [[denied]]
      : [
          [denied, term('server', wanted)],
          [denied, term('sandbox', wanted)],
        ]
  for (const terms of questions) {
    const { entries } = queryRecord(
      directory,
      { since: -Infinity, until: Infinity, terms },
      { limit: window, onProgress },
    )
    if (entries.length > 0) return entries.map(attemptOf)
  }
  return []
}

function isSame(a: Attempt, b: Attempt): boolean {
  const keys = ['server', 'kind', 'rule', 'program', 'address', 'host', 'path', 'tool'] as const
  return keys.every((key) => a[key] === b[key])
}

function nothing(wanted: string | undefined): GloveboxError {
  return new GloveboxError(
    'FAILED',
    wanted === undefined ? 'no denial is in the record' : `no denial of "${wanted}" is in the record`,
    {
      fix: 'files that the kernel keeps from a program are not in it: glovebox policy learn NAME of a configured server, or glovebox policy learn -- COMMAND, finds them',
    },
  )
}
