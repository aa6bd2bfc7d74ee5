import type { Secrets } from '../egress/secrets/secrets.ts'
import type { Fact, Recorder } from '../protocol/facts.ts'

/** A recorder in whose facts no value of a secret is, wherever a program may have put one: a path, an address, a line of a log. */
export function recorderFor(record: Recorder, secrets: Secrets | undefined): Recorder {
  if (secrets === undefined) return record
  return (fact) => record(redacted(fact, (text) => secrets.redact(text)) as Fact)
}

function redacted(value: unknown, redact: (text: string) => string): unknown {
  if (typeof value === 'string') return redact(value)
  if (Array.isArray(value)) return value.map((item) => redacted(item, redact))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redacted(item, redact)]))
}
