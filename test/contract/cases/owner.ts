import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import type { Contract } from '../context.ts'
import { until } from '../context.ts'
import { eventually } from '../../support/eventually.ts'
import { hasEnded, hasNoProcess, hasProcess, ownMarker } from '../processes.ts'

const owner = fileURLToPath(new URL('../owner.ts', import.meta.url))

/** A sandbox dies with the process that started it, however that one ends. */
export function ownerCases({ driver, differences }: Contract): void {
  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
    test(`a sandbox whose owner is ended by ${signal} is gone`, async () => {
      const marker = ownMarker()
      const child = spawn(process.execPath, [owner, driver.name, marker], { stdio: ['ignore', 'pipe', 'inherit'] })
      const pid = Number((await until(child.stdout, '\n')).replace('started ', ''))
      if (differences.seen === false) assert.ok((await hasProcess(`sleep\0${marker}`)).length > 0)
      assert.ok(!hasEnded(pid))
      child.kill(signal)
      await hasNoProcess(marker)
      await eventually(() => (hasEnded(pid) ? true : undefined))
    })
  }
}
