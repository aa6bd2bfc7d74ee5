import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { connectInGuest } from '../../../src/drivers/microvm/vmm/connect.ts'
import { socketsInGuest } from '../../../src/drivers/microvm/vmm/guest-plan.ts'
import { enterBy, pushedIn, type Ground } from '../support/ground.ts'
import { mustHaveRun, planFor } from '../support/jail.ts'
import type { Place } from '../support/place.ts'
import type { Guest } from './machine.ts'
import { attacksOutside, workspaceOutside } from './place.ts'

const id = 'escape-ground'

/** A guest's sandboxes, one after another, and its root beside them. */
export function groundIn(guest: Guest, place: Place): Ground {
  return {
    place,
    other: place,
    seconds: 20,
    workspace: workspaceOutside,
    shell: async (script) => guest.outside('/bin/sh', '-c', script),
    async run(words, { plan, meanwhile } = {}) {
      const socket = socketsInGuest(id).channel
      const channel = meanwhile === undefined ? null : { socket }
      const whole = { ...planFor(place, words, { channel, ...plan }), id }
      if (meanwhile === undefined) return guest.run(whole)
      return guest.run(whole, {
        meanwhile: async (launcher) =>
          meanwhile({
            socket,
            enter: async () => enterBy(async () => connectInGuest(guest.inside, socket)),
            end: () => launcher.command(`${JSON.stringify({ do: 'signal', signal: constants.signals.SIGTERM })}\n`),
          }),
      })
    },
    outside: async (words, onTerminal = false) =>
      guest.outside(attacksOutside, ...(onTerminal ? ['terminal', attacksOutside] : []), ...words),
    async onTerminal(words, own) {
      const stay = [...words, '--', 'stay', `ws=${place.ws}`, 'seconds=60']
      const command = { ...planFor(place, stay).command, terminal: own }
      let looked = ''
      const run = await guest.run(
        { ...planFor(place, stay, { command }), id },
        { terminal: { rows: 24, columns: 80 }, meanwhile: async () => void (looked = await guest.outside(...look)) },
      )
      await guest.outside('/bin/rm', ...marks)
      assert.match(looked, /"terminals":1}/, 'what it was started on is not there')
      return { run: mustHaveRun(run), pushed: pushedIn(looked) }
    },
  }
}

const marks = ['staying', 'enough'].map((name) => `${workspaceOutside}/${name}`)
const [staying = '', enough = ''] = marks

/** What the root finds in the launcher's terminal, while the sandbox is still there. */
const look = [
  '/bin/sh',
  '-c',
  `for round in $(seq 600); do test -e ${staying} && break; sleep 0.1; done; ${attacksOutside} typed; touch ${enough}`,
]
