import { isLong } from '../../support/requirement.ts'
import type { Attack, Scene } from '../support/attack.ts'

/** Shares of the rounds of one identity: with both identities a million where time is given. */
const rounds = isLong() ? 500_000 : 20_000
/** A control run ends with its first success. */
const outside = 2_000_000
/** Where sockets can be made: not in a directory below which one of the host's is mounted. */
const own = ({ side }: Scene): { own: string } => ({ own: side === 'jail' ? '/run' : '/tmp' })
/** A round that starts a program takes a hundred times as long. */
const programRounds = isLong() ? 5000 : 600

function share(part: number, { side }: Scene): Record<string, number> {
  return { rounds: side === 'jail' ? Math.round(rounds * part) : outside, seconds: 180 }
}

const unix = (name: string, part: number, what: string): Attack => ({
  title: `${what} that changes while a connection is decided leads to no socket of the host`,
  name,
  args: (scene) => ({ socket: `${scene.place.ws}/host-stream.sock`, ...own(scene), ...share(part, scene) }),
  control: { on: 'host' },
  touches: 'unix-stream',
})

export const connections: readonly Attack[] = [
  unix('race-address', 0.4, 'a path in the address'),
  unix('race-family', 0.1, 'a family in the address'),
  unix('race-link', 0.15, 'a link on the way'),
  unix('race-directory', 0.1, 'a working directory'),
  unix('race-descriptor', 0.1, 'a descriptor'),
  {
    title: 'an address that changes while a connection is decided leads to nobody outside',
    name: 'race-inet-address',
    args: (scene) => ({
      host: '127.0.0.1',
      port: scene.place.witness.ports['tcp4'] ?? 0,
      ...share(0.15, scene),
    }),
    control: { on: 'host' },
    touches: 'tcp4',
  },
]

export const supervisor: readonly Attack[] = [
  {
    title: 'calls made to trouble the supervisor neither end it nor stop it',
    name: 'supervisor-abuse',
    args: () => ({ rounds: 3000 }),
    control: { unproven: 'outside there is no supervisor' },
  },
  {
    title: 'connections that wait do not hold up others',
    name: 'supervisor-stall',
    args: own,
    control: { unproven: 'outside there is no supervisor' },
  },
]

/** Under a list that does not name the forbidden program. */
export const programs: readonly Attack[] = [
  {
    title: 'a path that changes while a program is started runs no program that is not listed',
    name: 'race-exec',
    args: ({ place, side }) => ({
      target: place.forbidden,
      rounds: side === 'jail' ? programRounds : 20_000,
      seconds: 180,
    }),
    control: { on: 'host' },
  },
]
