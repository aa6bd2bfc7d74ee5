import type { Fact, Recorder } from '../protocol/facts.ts'

/** Something that a sandbox was kept from. Its words may be the sandbox's own: hostile text. */
export interface SeenDenial {
  readonly atMs: number
  readonly what: string
  readonly rule: string
}

const maxWords = 300

/** A recorder that also keeps the last denial in mind. */
export function noticingDenials(record: Recorder): { record: Recorder; last: () => SeenDenial | undefined } {
  let last: SeenDenial | undefined
  return {
    record(fact) {
      record(fact)
      const denial = denialIn(fact)
      if (denial !== undefined) {
        last = { atMs: Date.now(), what: denial.what.slice(0, maxWords), rule: denial.rule }
      }
    },
    last: () => last,
  }
}

function denialIn(fact: Fact): Omit<SeenDenial, 'atMs'> | undefined {
  switch (fact.fact) {
    case 'activity': {
      const { verdict, kind, address, path, rule } = fact.activity
      return verdict === 'denied' ? { what: `${kind} ${address ?? path ?? ''}`.trim(), rule } : undefined
    }
    case 'message':
      return fact.verdict === 'denied'
        ? { what: `${fact.method} ${fact.tool ?? ''}`.trim(), rule: fact.rule }
        : undefined
    case 'egress-refuse':
      return {
        what: `connect ${fact.name ?? fact.address ?? ''}:${fact.port}${fact.protocol === 'udp' ? '/udp' : ''}`,
        rule: fact.rule,
      }
    case 'lookup':
      return { what: `look up ${fact.name}`, rule: fact.rule }
    case 'refusal':
      return { what: fact.detail, rule: fact.reason }
    case 'limit':
      return { what: fact.detail, rule: `limits.${fact.limit}` }
    default:
      return undefined
  }
}
