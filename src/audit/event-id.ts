import { listFiles, sandboxOf } from './files.ts'
import { readLines } from './lines.ts'
import { toEntry, type Entry } from './reader.ts'

/** What identifies an event: its sandbox, and its number in that sandbox's record, which has no gaps and never changes. */
export interface EventId {
  readonly sandbox: string
  readonly sequence: number
}

/** `gbx-0c5f3a9d1e27:42`; the sandbox alone where the line has no number, as a forged one may not. */
export function formatEventId(sandbox: string, sequence: unknown): string {
  return typeof sequence === 'number' && Number.isSafeInteger(sequence) && sequence > 0
    ? `${sandbox}:${sequence}`
    : sandbox
}

/** Undefined for what is not spelled as an id; a name of a server has no colon with a number behind it. */
export function parseEventId(text: string): EventId | undefined {
  const [, sandbox, sequence] = /^([a-z0-9-]{1,64}):([1-9]\d{0,14})$/.exec(text) ?? []
  return sandbox === undefined ? undefined : { sandbox, sequence: Number(sequence) }
}

/** The event with this id; undefined when there is none, or no longer. */
export function findEvent(directory: string, { sandbox, sequence }: EventId): Entry | undefined {
  for (const path of listFiles(directory).filter((file) => sandboxOf(file) === sandbox)) {
    for (const line of readLines(path)) {
      if (!line.whole || !line.bytes.includes(`"sequence":${sequence}}`)) continue
      const entry = toEntry(line.bytes.toString())
      const metadata = entry.event?.['metadata']
      if (
        typeof metadata === 'object' &&
        metadata !== null &&
        'sequence' in metadata &&
        metadata.sequence === sequence
      ) {
        return entry
      }
    }
  }
  return undefined
}
