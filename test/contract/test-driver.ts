import { afterEach, suite } from 'node:test'
import type { Driver } from '../../src/drivers/driver.ts'
import { commandCases } from './cases/command.ts'
import { endCases } from './cases/ends.ts'
import { isolationCases } from './cases/isolation.ts'
import { limitCases } from './cases/limits.ts'
import { networkCases } from './cases/network.ts'
import { datagramCases } from './cases/network-udp.ts'
import { ownerCases } from './cases/owner.ts'
import { receiptCases } from './cases/receipt.ts'
import { startCases } from './cases/starting.ts'
import { streamCases } from './cases/streams.ts'
import { createContract, type Differences } from './context.ts'

/** What every driver keeps (src/drivers/driver.ts), tried on a real one with real programs. */
export function testDriver(driver: Driver, differences?: Differences): void {
  const contract = createContract(driver, driver.dials, differences)
  afterEach(contract.stopAll)
  suite('starting', () => startCases(contract))
  suite('streams', () => streamCases(contract))
  suite('command', () => commandCases(contract))
  suite('ends', () => endCases(contract))
  suite('receipt', () => receiptCases(contract))
  suite('limits', () => limitCases(contract))
  suite('isolation', () => isolationCases(contract))
  suite('network', () => networkCases(contract))
  suite('datagrams', () => datagramCases(contract))
  suite('owner', () => ownerCases(contract))
}
