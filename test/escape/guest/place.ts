import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Place } from '../support/place.ts'
import { witnessOver, type Witness } from '../support/witness.ts'
import type { Guest } from './machine.ts'

/** What of a place a machine is given to read. */
export const givenOf = (place: Place): string[] => [place.bin, place.ro, path.dirname(place.forbidden), place.suid]

/** The attacking program, as the guest's root sees it: on the second drive. */
export const attacksOutside = '/run/glovebox/given/0/attacks'

/** Where sandboxes of the guest have their workspace, seen from outside of them. */
export const workspaceOutside = '/run/glovebox/work/copy'

/**
 * The same place in the guest: its secrets lie under the same names outside of all sandboxes, for everybody to read and write, so that
 * nothing but the sandbox's walls keeps them; and its witness is a process of the guest's root.
 */
export async function placeIn(guest: Guest, place: Place): Promise<Place> {
  await guest.copyIn(place.base, place.homeSecret, place.tmpSecret)
  // As on any host; init's own /dev has none.
  await guest.outside('/bin/mkdir', '-m', '1777', '/dev/shm')
  const { name, token, secret } = place
  const words = ['witness', `dir=${workspaceOutside}`, `name=${name}`, `token=${token}`, `secret=${secret}`]
  const stream = await guest.startOutside(attacksOutside, ...words)
  const witness: Witness = await witnessOver({
    lines: createInterface({ input: stream }),
    ask: () => void stream.write('?\n'),
    end: async () => void stream.end(),
  })
  return { ...place, witness }
}

/** Makes the guest's root a host where the attacks work: its own /tmp takes programs and devices. */
export async function prepareControls(guest: Guest, { suid }: Place): Promise<void> {
  await guest.outside('/bin/mount', '-o', 'remount,exec,dev,suid,size=64m', '/tmp')
  await guest.outside('/bin/sh', '-c', `chown 61235:61235 ${suid}/program; chmod 6755 ${suid}/program`)
}
