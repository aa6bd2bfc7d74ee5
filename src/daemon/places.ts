import { join } from 'node:path'
import type { Places } from '../system/places.ts'

/** Where the daemon of a user is found, and what it writes. */
export interface DaemonPlaces {
  readonly socket: string
  /** Who it is: for clients. */
  readonly file: string
  readonly lock: string
  readonly log: string
  readonly state: string
}

export function daemonPlaces({ runtime, state }: Places): DaemonPlaces {
  return {
    socket: join(runtime, 'daemon.sock'),
    file: join(runtime, 'daemon.json'),
    lock: join(runtime, 'daemon.lock'),
    log: join(state, 'logs', 'daemon', 'daemon.log'),
    state: join(state, 'daemon.sqlite'),
  }
}
