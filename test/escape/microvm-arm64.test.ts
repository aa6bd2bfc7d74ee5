import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, suite, test } from 'node:test'
import { runners } from '../support/as-user.ts'
import { arm64Host, attacksForArm64, whyNoArm64 } from '../support/arm64.ts'
import { unlessLong, unlessPresent } from '../support/requirement.ts'
import { hostWithAccomplice } from './guest/accomplice.ts'
import { startGuest, type Guest } from './guest/machine.ts'
import { givenOf } from './guest/place.ts'
import { roomsOfEach } from './guest/rooms.ts'
import { attackInGuest } from './guest/suite.ts'
import { inherited, machine } from './rooms/machine.ts'
import { inet } from './rooms/network.ts'
import { mustHaveRun, planFor } from './support/jail.ts'
import { makePlace, type Place } from './support/place.ts'
import { thirtyTwoBits } from './support/thirty-two-bits.ts'

const missing = unlessPresent('ARM64', whyNoArm64()) || unlessLong('the escape suite in a machine of arm64')

/** The image's own. */
const loader = '/usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1'
const noNetwork = 'the guest has no network: its root cannot reach that address either'
const outwards = inet.filter(({ id }) => id?.endsWith('-outward')).map(({ id = '' }) => [id, noNetwork] as const)
const ofX86 = 'only x86 has it; arm64’s way to calls of 32 bits is a program of such, below'

// What the processor has no say in (terminals, the channel, bombs, races) is tried on the other one (microvm.test.ts).
suite('in a virtual machine of arm64', { skip: missing }, () => {
  attackInGuest({
    on: async () => ({ host: await arm64Host(), attacks: attacksForArm64 }),
    rooms: [
      ...roomsOfEach(loader),
      { name: 'what could be handed on', attacks: inherited, shown: true },
      { name: 'machine', attacks: machine, shown: true },
    ],
    passedOver: { segments: ofX86, int80: ofX86, 'int80-socket': ofX86 },
    unshown: { ...Object.fromEntries(outwards), 'guest-io-ports': 'arm64 has no ports, and no device for them' },
    more: () => undefined,
  })
})

suite('programs of 32 bits on arm64', { skip: missing }, () => {
  let place: Place
  let guest: Guest
  before(async () => {
    const [runner] = runners()
    assert.ok(runner)
    place = await makePlace(runner, attacksForArm64)
    writeFileSync(path.join(place.bin, 'thirty-two'), thirtyTwoBits(7), { mode: 0o755 })
    const host = await hostWithAccomplice(attacksForArm64, await arm64Host())
    guest = await startGuest(host, { given: givenOf(place), workspace: place.ws, id: 'escape-thirty-two' })
  })
  after(async () => {
    await guest?.kill()
    await place?.remove()
  })

  test('their calls, whose numbers mean others, are the end of them in a sandbox, and made outside of it', async () => {
    const words = (program: string): string[] => ['sh', '-c', `${program}; echo ended with $?`]
    const plan = planFor(place, [])
    const argv = words(path.join(place.bin, 'thirty-two'))
    const run = mustHaveRun(await guest.run({ ...plan, command: { ...plan.command, path: '/usr/bin/sh', argv } }))
    // 128 and SIGSYS.
    assert.equal(run.stdout, 'ended with 159\n', run.stderr)
    const outside = await guest.outside('/bin/sh', ...words('/run/glovebox/given/0/thirty-two').slice(1))
    assert.equal(outside, 'ended with 7\n')
  })
})
