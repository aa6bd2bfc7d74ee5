import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controls } from '../../../src/protocol/controls.ts'
import type { Contract } from '../context.ts'

export function receiptCases({ driver, plan, run }: Contract): void {
  test('the receipt has each control once, says what holds it, and nothing is missing', async () => {
    const { wall } = await run(plan(['true']))
    const { enforcements } = wall.receipt
    assert.deepEqual(enforcements.map(({ control }) => control).toSorted(), [...controls].toSorted())
    for (const { control, enforced, mechanism } of enforcements) {
      assert.equal(enforced, true, `${control}: ${mechanism}`)
      assert.match(mechanism, /\w/)
    }
    assert.deepEqual([...wall.enforced].toSorted(), [...controls].toSorted())
  })

  test('the receipt says whose the processes are, and it is not root', async () => {
    const { wall } = await run(plan(['true']))
    assert.notEqual(wall.receipt.hostUid, 0)
    if (process.getuid?.() !== 0) assert.equal(wall.receipt.hostUid, process.getuid?.())
    assert.match(wall.receipt.kernel, /^\d+\.\d+/)
    assert.match(wall.receipt.inside, /^\d+\.\d+\.\d+/)
  })

  test('a probe finds by trying what a start then has', async () => {
    const support = await driver.probe(AbortSignal.timeout(60_000))
    assert.ok(support.ok, support.ok ? '' : support.reason)
    assert.deepEqual([...support.enforces].toSorted(), [...controls].toSorted())
    for (const [control, { held, evidence }] of support.evidence) assert.ok(held, `${control}: ${evidence}`)
  })
}
