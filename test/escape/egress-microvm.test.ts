import { suite } from 'node:test'
import { machineRunner, testMachines, whyNoMachines } from '../support/machines.ts'
import { unlessLong, unlessPresent } from '../support/requirement.ts'
import { egressRooms } from './egress/rooms.ts'
import { attackRoom } from './egress/suite.ts'

// That each attack works where nothing stops it is shown in egress.test.ts: the same program, against the same servers.
const missing = unlessPresent('QEMU', whyNoMachines()) || unlessLong('attacks on a network list from machines')
if (missing === false) await testMachines()

suite('in virtual machines', { skip: missing }, () => {
  const runner = machineRunner()
  for (const room of egressRooms) attackRoom('microvm', room, runner)
})
