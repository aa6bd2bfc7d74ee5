import type { Attack, Scene } from '../support/attack.ts'
import { bombs, type Bomb } from './bombs.ts'

const host = { on: 'host' } as const
/** Outside the witness's victim plays their part. */
const server = ({ side, place }: Scene): Record<string, number> =>
  side === 'jail' ? {} : { server: place.witness.victim }

/** What serves the channel inside (pid 1, the seed, the agent), once somebody has entered. */
export const servers: readonly Attack[] = [
  { title: 'what serves the channel cannot be looked into', name: 'servers-look', args: server, control: host },
  {
    title: 'neither the door nor a connection can be taken from what serves the channel',
    name: 'servers-take',
    args: server,
    control: host,
  },
  {
    title: 'what serves the channel cannot be made to do something else',
    name: 'servers-turn',
    args: server,
    control: host,
  },
]

const each = new Set([
  'fork-bomb',
  'memory-anonymous',
  'memory-children',
  'memory-files',
  'memory-sockets',
  'memory-pipes',
])

/** Each by another way of counting. */
export const thrown: readonly Bomb[] = bombs.filter(({ name }) => each.has(name))
