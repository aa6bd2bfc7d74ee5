import { posix } from 'node:path'
import { classOf } from '../network/address.ts'
import { parseIp, withoutMapping } from '../network/ip.ts'
import { ownLoopback } from '../network/own-loopback.ts'
import { readRule } from '../network/rule.ts'
import { innermost, learnFiles, throughTop } from './files.ts'
import type { Item, Learned, NotGiven, View } from './learned.ts'
import { joinAskers } from './learned.ts'
import { whySecret } from './secrets.ts'
import type { Askers, ConnectionWish, ProgramWish, Wishes } from './wishes.ts'

/** The smallest addition to a policy by which a run gets what it asked for, and what of it no machine should decide. */
export function choose(wishes: Wishes, view: View): Learned {
  const { read, write, notGiven } = learnFiles(wishes, view)
  const programs = learnPrograms(wishes.programs, view)
  const connections = [...wishes.connections.values()].map(learnConnection)
  return {
    read,
    write,
    exec: programs.items,
    connect: connections.flatMap(({ item }) => item ?? []).toSorted((a, b) => (a.value < b.value ? -1 : 1)),
    notGiven: [...notGiven, ...programs.notGiven, ...connections.flatMap((found) => found.notGiven ?? [])],
  }
}

function learnPrograms(wishes: readonly ProgramWish[], view: View): { items: Item[]; notGiven: NotGiven[] } {
  const items = new Map<string, Item>()
  const notGiven = new Map<string, NotGiven>()
  for (const { path, asker } of foundOnes(wishes, view)) {
    const { real } = view.fact(path)
    const askers: Askers = new Map([[asker, 1]])
    if (real === undefined || view.executables.includes(real)) continue
    const secret = whySecret(real)
    if (secret === undefined)
      items.set(path, { value: path, askers: joinAskers([items.get(path)?.askers ?? new Map(), askers]) })
    else notGiven.set(path, { what: path, why: `it is ${secret}`, askers })
  }
  return {
    items: [...items.values()].toSorted((a, b) => (a.value < b.value ? -1 : 1)),
    notGiven: [...notGiven.values()],
  }
}

/**
 * Of each search along PATH, which is one process trying one name in several places, the place that has it: where the
 * sandbox saw one there, that, else the first of the host's.
 */
function foundOnes(wishes: readonly ProgramWish[], view: View): ProgramWish[] {
  const searches = new Map<string, ProgramWish[]>()
  for (const wish of wishes) {
    const key = `${wish.pid ?? ''} ${posix.basename(wish.path)}`
    searches.set(key, [...(searches.get(key) ?? []), wish])
  }
  return [...searches.values()].flatMap((tried) => {
    const there = tried.filter(({ path }) => view.fact(path).isExecutable)
    const seen = there.filter(({ path }) => innermost(throughTop(path, view), view.mounts)?.exec === true)
    return seen.length > 0 ? seen : there.slice(0, 1)
  })
}

function learnConnection(wish: ConnectionWish): { item?: Item; notGiven?: NotGiven } {
  const { host, port, isName, udp, rule, detail, askers } = wish
  const place = isName && port === 443 && udp !== true ? host : `${host}:${port}`
  const value = udp === true ? `${place}/udp` : place
  const refuse = (why: string): { notGiven: NotGiven } => ({ notGiven: { what: value, why, askers } })
  if (rule === 'network.address') return refuse(`${detail}: --allow-private would let names live there`)
  if (rule === ownLoopback) {
    return refuse(
      `inside, this is the sandbox itself, and nothing in it listens there: --allow-net ${value} leads to this machine`,
    )
  }
  if (rule !== 'network.default-deny') return refuse(`the rule ${rule} refused it: ${detail}`)
  if (readRule(value, 'allow').mistake !== undefined) return refuse('no rule can name it')
  if (udp === true)
    return refuse('it sends datagrams, which nobody looks into: write the rule yourself if that is meant')
  if (isName) return { item: { value, askers } }
  const ip = parseIp(host.replaceAll(/[[\]]/g, ''))
  if (port === 53) return refuse('it asked a name server itself: names that are allowed are answered inside')
  const found = ip === undefined ? undefined : classOf(withoutMapping(ip))
  return found?.kind === 'public' ? { item: { value, askers } } : refuse(`the address is ${found?.what ?? 'none'}`)
}
