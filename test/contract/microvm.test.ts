import { loadDriver } from '../../src/drivers/registry.ts'
import { testDriver } from './test-driver.ts'

testDriver(await loadDriver('microvm'))
