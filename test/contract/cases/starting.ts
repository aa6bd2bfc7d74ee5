import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { GloveboxError } from '../../../src/errors.ts'
import { noNetwork, resolveNetwork } from '../../../src/policy/network/words.ts'
import type { Plan } from '../../../src/policy/plan.ts'
import type { Contract } from '../context.ts'
import { hasNoProcess, ownMarker } from '../processes.ts'

export function startCases({ driver, plan, start }: Contract): void {
  const executing = (file: string): Plan => {
    const planned = plan(['true'])
    return { ...planned, command: { ...planned.command, path: file, argv: [file] } }
  }

  test('a program that is not there is NOT_FOUND, exit code 127', async () => {
    await assert.rejects(start(executing('/usr/bin/glovebox-no-such-program')), {
      name: 'GloveboxError',
      code: 'NOT_FOUND',
      exitCode: 127,
      message: /glovebox-no-such-program/,
    })
  })

  test('a file that cannot be executed is NOT_EXECUTABLE, exit code 126', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-contract-'))
    try {
      const file = path.join(directory, 'plain')
      writeFileSync(file, 'not a program', { mode: 0o644 })
      const planned = executing(file)
      const { mounts } = plan(['true'], { filesystem: { read: [directory], write: [], deny: [] } })
      await assert.rejects(start({ ...planned, mounts }), {
        name: 'GloveboxError',
        code: 'NOT_EXECUTABLE',
        exitCode: 126,
      })
      await assert.rejects(start(executing('/usr/bin')), {
        name: 'GloveboxError',
        code: 'NOT_EXECUTABLE',
        exitCode: 126,
      })
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('a mount whose source is gone stops the start, and says which', async () => {
    const planned = plan(['true'])
    const [first] = planned.mounts
    assert.ok(first)
    const gone = { ...first, source: '/glovebox/no/such/source', target: '/gone', why: 'test' }
    await assert.rejects(start({ ...planned, mounts: [...planned.mounts, gone] }), (error) => {
      assert.ok(error instanceof GloveboxError)
      assert.match(error.message, /\/glovebox\/no\/such\/source/)
      return true
    })
  })

  test('a key of the plan that the driver does not know stops the start', async () => {
    const unknown = { ...plan(['true']), 'glove-size': 9 }
    await assert.rejects(start(unknown), (error) => error instanceof GloveboxError && /glove-size/.test(error.message))
  })

  test('a network about which nobody would decide stops the start', async () => {
    const network = resolveNetwork({ ...noNetwork, allow: ['example.org:443'] })
    const planned = { ...plan(['true']), network }
    const quiet = { onActivity: () => undefined, onLimit: () => undefined }
    const options = { id: 'gbx-test-alone', stdio: 'pipe', socket: undefined, egress: undefined, ...quiet } as const
    await assert.rejects(driver.start(planned, options, new AbortController().signal), {
      name: 'GloveboxError',
      message: /network/,
    })
  })

  test('a start that was called off before it began starts nothing', async () => {
    const marker = ownMarker()
    const reason = new Error('called off')
    await assert.rejects(start(plan(['sleep', marker]), AbortSignal.abort(reason)), reason)
    await hasNoProcess(marker)
  })

  test('a start that is called off at any moment leaves nothing', async () => {
    const marker = ownMarker()
    const planned = plan(['sleep', marker])
    for (let delay = 0; delay < 20; delay++) {
      const calledOff = new AbortController()
      const reason = new Error(`called off after ${delay} half milliseconds`)
      const until = performance.now() + delay / 2
      const wait = (): void => void (performance.now() < until ? setImmediate(wait) : calledOff.abort(reason))
      setImmediate(wait)
      try {
        // It may have been quicker than we were: then it is a sandbox like any other.
        const { wall } = await start(planned, calledOff.signal)
        await wall.stop(0)
      } catch (error) {
        assert.equal(error, reason)
      }
    }
    await hasNoProcess(marker)
  })
}
