/** What a running sandbox says about itself, in a directory of this user's alone. */
export interface RunningRecord {
  readonly schema: 'glovebox/sandbox/1'
  readonly id: string
  /** Name of the configured server, or of the program. */
  readonly server: string
  readonly driver: string
  /** SHA-256 of the plan, as in the record of the start. */
  readonly plan: string
  readonly command: readonly string[]
  /** Where its program was started, in the sandbox's own tree. */
  readonly directory?: string
  /** The process that it lives and dies with, and when that began. */
  readonly pid: number
  readonly begun: string
  readonly startedMs: number
  /** Where its inside is reached; null where its path would have been too long for a socket. */
  readonly socket: string | null
  /** How long its inside may give no sign of life; absent: as long as any process of this host (`inside/caps.ts`). */
  readonly silenceMs?: number
  /** It waits ahead of need, or is there for one call: its name means another. */
  readonly spare?: boolean
  /** Its ports that this machine reaches, and where. */
  readonly published: readonly { readonly address: string; readonly port: number; readonly inside: number }[]
}

export const fileName = 'sandbox.json'
export const socketName = 'channel'

/** Undefined for what is no such record: of another version, or half written by a full disk. */
export function parseRecord(text: string): RunningRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined // told by the caller, as what it is: not a record
  }
  if (typeof value !== 'object' || value === null) return undefined
  const record = value as Record<string, unknown>
  const texts = ['id', 'server', 'driver', 'plan', 'begun'].every((key) => typeof record[key] === 'string')
  const numbers = ['pid', 'startedMs'].every((key) => Number.isSafeInteger(record[key]))
  const command = Array.isArray(record['command']) && record['command'].every((word) => typeof word === 'string')
  const socket = record['socket'] === null || typeof record['socket'] === 'string'
  const directory = record['directory'] === undefined || typeof record['directory'] === 'string'
  const silence = record['silenceMs'] === undefined || Number.isSafeInteger(record['silenceMs'])
  const whole = texts && numbers && command && socket && directory && silence
  const sound = record['schema'] === 'glovebox/sandbox/1' && whole
  // Of an earlier version: there were none.
  const { published = [] } = record
  return sound && arePorts(published) ? ({ ...value, published } as RunningRecord) : undefined
}

function arePorts(value: unknown): boolean {
  if (!Array.isArray(value)) return false
  return value.every((port: unknown) => {
    if (typeof port !== 'object' || port === null) return false
    const { address, port: outside, inside } = port as Record<string, unknown>
    return typeof address === 'string' && Number.isSafeInteger(outside) && Number.isSafeInteger(inside)
  })
}
