import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Driver } from '../../src/drivers/driver.ts'
import { loadDriver } from '../../src/drivers/registry.ts'
import { createContract } from './context.ts'
import { hasNoProcess, ownMarker } from './processes.ts'

test('a sandbox that has ended badly is told of once, and the others are gone by then', async () => {
  const jail = await loadDriver('jail')
  let isFirst = true
  const driver: Driver = {
    ...jail,
    async start(...about) {
      const wall = await jail.start(...about)
      if (!isFirst) return wall
      isFirst = false
      return {
        ...wall,
        async stop() {
          await wall.stop(0)
          throw new Error('it had ended badly')
        },
      }
    },
  }
  const { plan, start, stopAll } = createContract(driver)
  const marker = ownMarker()
  await start(plan(['sleep', marker]))
  await start(plan(['sleep', marker]))
  await assert.rejects(stopAll(), /it had ended badly/)
  await hasNoProcess(marker)
  await stopAll()
})
