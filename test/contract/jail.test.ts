import { afterEach, suite } from 'node:test'
import { loadDriver } from '../../src/drivers/registry.ts'
import { networkCases } from './cases/network.ts'
import { datagramCases } from './cases/network-udp.ts'
import { createContract } from './context.ts'
import { testDriver } from './test-driver.ts'

// Run by root, and by an ordinary user too (tools/testing/suites.ts).
const jail = await loadDriver('jail')
testDriver(jail)

suite('network, where connections are made by the host as those of a guest', () => {
  const contract = createContract(jail, 'host')
  afterEach(contract.stopAll)
  networkCases(contract)
  datagramCases(contract)
})
