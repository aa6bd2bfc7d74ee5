import { posix } from 'node:path'
import { bracketed, readEndpoint } from '../../protocol/endpoint.ts'
import type { Attempt } from '../explain/attempt.ts'
import { withoutListener } from '../network/own-loopback.ts'

/** Who asked for something, and how often. */
export type Askers = ReadonlyMap<string, number>

/** All that a run asked for, before it is looked at whether it was given or may be. */
export interface Wishes {
  /** By path, normalised. */
  readonly reads: ReadonlyMap<string, Askers>
  readonly writes: ReadonlyMap<string, Askers>
  /** In the order in which they were tried: a search along PATH is several. */
  readonly programs: readonly ProgramWish[]
  /** By `NAME:PORT` or `ADDRESS:PORT`. */
  readonly connections: ReadonlyMap<string, ConnectionWish>
}

export interface ProgramWish {
  readonly path: string
  readonly pid: number | undefined
  readonly asker: string
}

export interface ConnectionWish {
  readonly host: string
  readonly port: number
  readonly isName: boolean
  readonly udp?: true | undefined
  /** The rule that refused it; a later refusal of the same says nothing else. */
  readonly rule: string
  readonly detail: string
  readonly askers: Askers
}

/** What the record of a run says that it asked for. Takes nothing for granted: names and paths are the sandbox's. */
export function wishesOf(attempts: readonly Attempt[]): Wishes {
  const reads = new Map<string, Map<string, number>>()
  const writes = new Map<string, Map<string, number>>()
  const programs: ProgramWish[] = []
  const connections = new Map<string, ConnectionWish & { askers: Map<string, number> }>()
  const lonely = withoutListener(attempts)
  for (const attempt of attempts) {
    const asker = attempt.program ?? 'a program'
    const path = pathOf(attempt)
    if (attempt.kind === 'open' && path !== undefined) {
      count(entry(attempt.access === 'write' ? writes : reads, path), asker)
    } else if (attempt.kind === 'exec' && path !== undefined) {
      programs.push({ path, pid: attempt.pid, asker })
    } else {
      const address = lonely.get(attempt)
      const wish = address === undefined ? connectionOf(attempt) : placeOf({ ...attempt, address })
      if (wish === undefined) continue
      const key = `${wish.host}:${wish.port}${wish.udp === true ? '/udp' : ''}`
      const known = connections.get(key) ?? { ...wish, askers: new Map<string, number>() }
      connections.set(key, known)
      count(known.askers, asker, attempt.count)
    }
  }
  return { reads, writes, programs, connections }
}

/** Undefined for one that is not known from the root: a program's own directory may be gone. */
function pathOf({ path }: Attempt): string | undefined {
  if (path === undefined || !path.startsWith('/') || path.includes('\0')) return undefined
  const plain = posix.normalize(path)
  return plain.length > 1 && plain.endsWith('/') ? plain.slice(0, -1) : plain
}

function connectionOf({
  kind,
  verdict,
  rule,
  host,
  port,
  address,
  detail,
  udp,
}: Attempt): Omit<ConnectionWish, 'askers'> | undefined {
  if (verdict !== 'denied') return undefined
  if (kind === 'egress-refuse' && host !== undefined && port !== undefined) {
    return { host, port, isName: true, rule, detail, udp }
  }
  const isAddress = kind === 'egress-refuse' || (kind === 'connect' && rule === 'network.default-deny')
  return isAddress ? placeOf({ rule, address, detail, udp }) : undefined
}

/** By its address. */
function placeOf({
  rule,
  address,
  detail,
  udp,
}: Pick<Attempt, 'rule' | 'address' | 'detail'> & { readonly udp?: true | undefined }):
  | Omit<ConnectionWish, 'askers'>
  | undefined {
  const endpoint = readEndpoint(address)
  if (endpoint === undefined) return undefined
  return { host: bracketed(endpoint.ip), port: endpoint.port, isName: false, rule, detail, udp }
}

function entry(map: Map<string, Map<string, number>>, key: string): Map<string, number> {
  const found = map.get(key) ?? new Map<string, number>()
  map.set(key, found)
  return found
}

function count(askers: Map<string, number>, asker: string, times: number = 1): void {
  askers.set(asker, (askers.get(asker) ?? 0) + times)
}
