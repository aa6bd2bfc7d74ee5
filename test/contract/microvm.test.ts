import { suite } from 'node:test'
import { loadDriver } from '../../src/drivers/registry.ts'
import { testMachines, whyNoMachines } from '../support/machines.ts'
import { unlessLong, unlessPresent } from '../support/requirement.ts'
import { testDriver } from './test-driver.ts'

const missing = unlessPresent('QEMU', whyNoMachines()) || unlessLong('the contract in machines')
if (missing === false) await testMachines()
const driver = await loadDriver('microvm')

suite('microvm', { skip: missing }, () => {
  testDriver(driver, {
    write: 'a machine sees no directory of the host: what it may change is copied (docs/microvm.md)',
    seen: 'its programs are processes of the guest; what is looked for instead is the machine itself',
    // Twenty starts of Node at once, each translated by an emulator of its own, take minutes of two processors.
    crowd: 4,
    saidLast:
      'the word to cut goes its own way into a machine, and may be there before the last bytes (docs/microvm.md)',
    hostSystem:
      'the system is the image’s, which has no npm, and nothing is put into its directories (docs/microvm.md)',
  })
})
