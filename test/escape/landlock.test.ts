import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { test } from 'node:test'
import { denied, devices, magic, mounts, names, readOnly } from './rooms/files.ts'
import { inet, unix } from './rooms/network.ts'
import { outward } from './rooms/processes.ts'
import { brought } from './rooms/programs.ts'
import type { Place } from './support/place.ts'
import { runJail } from './support/jail.ts'
import { withPlaces } from './support/single.ts'
import { attackRooms, type Room } from './support/suite.ts'

const through = ({ attacks }: Place): { through: string[] } => ({ through: [attacks, 'without-landlock'] })
const rooms: readonly Room[] = [
  { name: 'names', attacks: names },
  { name: '/proc and descriptors', attacks: magic },
  { name: 'read-only mounts', attacks: readOnly },
  { name: 'the mount tree', attacks: mounts },
  { name: 'devices', attacks: devices },
  { name: 'denied paths', attacks: denied },
  { name: 'programs that were brought along', attacks: brought },
  { name: 'IPv4 and IPv6', attacks: inet },
  // Sockets of ours in the host's directories are kept out by Landlock alone: no control promises it.
  { name: 'Unix sockets', attacks: unix.filter(({ name }) => name !== 'unix-bind') },
  { name: 'processes outside', attacks: outward },
]

/** Landlock is the second wall: what the first ones promise must hold on a kernel that does not have it. */
attackRooms(
  rooms.map((room) => ({
    ...room,
    name: `${room.name}, without Landlock`,
    options: through,
    check: ({ receipt }) => assert.equal(receipt?.landlockAbi, 0),
  })),
)

withPlaces('what Landlock alone can hold, without it', (place) => {
  test('a list of programs stops the start', async () => {
    const run = await runJail(place(), ['describe'], { ...through(place()), plan: { exec: [place().attacks] } })
    assert.equal(run.failure?.code, 'host-cannot')
    assert.match(run.failure?.message ?? '', /fs\.exec/)
    assert.equal(run.stdout, '')
  })

  test('a file of the host as a standard stream stops the start', async () => {
    const fd = openSync(place().secret, 'r')
    try {
      const run = await runJail(place(), ['describe'], {
        ...through(place()),
        stdio: { first: [fd, 'pipe', 'pipe'] },
      })
      assert.equal(run.failure?.code, 'host-cannot')
      assert.equal(run.stdout, '')
    } finally {
      closeSync(fd)
    }
  })
})
