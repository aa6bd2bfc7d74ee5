import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import type { Contract } from '../context.ts'
import { until } from '../context.ts'
import { hasNoProcess, hasProcess, ownMarker } from '../processes.ts'

const owner = fileURLToPath(new URL('../owner.ts', import.meta.url))

/** A sandbox dies with the process that started it, however that one ends. */
export function ownerCases({ driver }: Contract): void {
  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
    test(`a sandbox whose owner is ended by ${signal} is gone`, async () => {
      const marker = ownMarker()
      const child = spawn(process.execPath, [owner, driver.name, marker], { stdio: ['ignore', 'pipe', 'inherit'] })
      await until(child.stdout, 'started')
      assert.ok((await hasProcess(`sleep\0${marker}`)).length > 0)
      child.kill(signal)
      await hasNoProcess(marker)
    })
  }
}
