import { loadDriver } from '../../src/drivers/registry.ts'
import { testDriver } from './test-driver.ts'

// Run by root, and by an ordinary user too (tools/testing/suites.ts).
testDriver(await loadDriver('jail'))
