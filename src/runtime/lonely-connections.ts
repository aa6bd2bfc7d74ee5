import { withPort } from '../protocol/endpoint.ts'
import { withoutListener, type Place } from '../policy/network/own-loopback.ts'
import type { Fact, Recorder } from '../protocol/facts.ts'

/** Of what a program connects to, more is not kept: it is for a hint. */
const most = 256

/** A recorder that also keeps in mind what was connected to, for a hint where nobody can have answered. */
export function noticingLoopback(record: Recorder): { record: Recorder; lonely: () => string[] } {
  const places = new Map<string, Place>()
  let isWhole = true
  return {
    record(fact) {
      record(fact)
      const place = placeIn(fact)
      if (place === undefined) return
      if (places.size < most) places.set(`${place.kind} ${place.address}`, place)
      else isWhole = false
    },
    lonely: () => (isWhole ? [...new Set(withoutListener([...places.values()]).values())] : []),
  }
}

function placeIn(fact: Fact): Place | undefined {
  if (fact.fact === 'activity') {
    const { kind, rule, verdict, address } = fact.activity
    return kind === 'connect' || kind === 'bind' ? { kind, rule, verdict, address } : undefined
  }
  if (fact.fact !== 'egress-open') return undefined
  const [ip = ''] = fact.addresses
  return { kind: fact.fact, rule: fact.rule, verdict: 'allowed', address: withPort(ip, fact.port) }
}
