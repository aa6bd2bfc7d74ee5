import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { Contract } from '../context.ts'
import { until } from '../context.ts'
import { gone, hasEnded, hasProcess, ownMarker } from '../processes.ts'

export function endCases({ plan, start, run, differences }: Contract): void {
  for (const code of [0, 1, 42, 125, 255]) {
    test(`exit code ${code} is told`, async () => {
      const { exit } = await run(plan(['sh', '-c', `exit ${code}`]))
      assert.equal(exit.code, code)
      assert.equal(exit.signal, null)
      assert.equal(exit.outOfMemory, false)
      assert.equal(exit.timedOut, false)
    })
  }

  test('the signal that ended the program is told', async () => {
    for (const [name, number] of [
      ['TERM', 15],
      ['KILL', 9],
      ['SEGV', 11],
    ] as const) {
      const { exit } = await run(plan(['sh', '-c', `kill -${name} $$`]))
      assert.equal(exit.signal, number)
      assert.equal(exit.code, null)
    }
  })

  test('a signal of ours reaches the program', async () => {
    const { wall, stdio } = await start(
      plan(['sh', '-c', 'trap "exit 33" USR1; echo ready; while :; do sleep 0.05; done']),
    )
    await until(stdio.stdout, 'ready')
    wall.signal('SIGUSR1')
    assert.equal((await wall.exit).code, 33)
  })

  test('a stop asks first, and the program may end as it likes', async () => {
    const { wall, stdio } = await start(
      plan(['sh', '-c', 'trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done']),
    )
    await until(stdio.stdout, 'ready')
    assert.equal((await wall.stop(20_000)).code, 5)
  })

  test('a stop ends a program that does not listen', async () => {
    const { wall, stdio } = await start(
      plan(['sh', '-c', 'trap "" TERM INT HUP; echo ready; while :; do sleep 0.05; done']),
    )
    await until(stdio.stdout, 'ready')
    assert.equal((await wall.stop(50)).signal, 9)
  })

  test('a stop is idempotent, also after the end', async () => {
    const { wall } = await start(plan(['sleep', '100']))
    const [first, second] = await Promise.all([wall.stop(1000), wall.stop(1000)])
    assert.deepEqual(first, second)
    assert.deepEqual(await wall.stop(), await wall.exit)
  })

  test('a stop of a program that ended by itself tells how it ended', async () => {
    const { wall, stdio } = await start(plan(['sh', '-c', 'exit 3']))
    stdio.stdout.resume()
    await wall.exit
    assert.equal((await wall.stop()).code, 3)
  })

  test('the end of the program is the end of all that it started', async () => {
    const marker = ownMarker()
    const daemon = `setsid sh -c 'trap "" TERM HUP INT; sleep ${marker} & wait' >/dev/null 2>&1 </dev/null &`
    const { wall, stdio } = await start(plan(['sh', '-c', `${daemon} echo ready; read x`]))
    await until(stdio.stdout, 'ready')
    if (differences.seen === false) await hasProcess(marker)
    assert.ok(!hasEnded(wall.pid))
    stdio.stdin.end()
    await wall.exit
    assert.ok(gone(marker) && hasEnded(wall.pid), 'nothing of it is left once exit has settled')
  })

  test('an end while the program is being talked to is an end, not an error', async () => {
    const { wall, stdio } = await start(plan(['sh', '-c', 'read x; exit 4']))
    stdio.stdin.on('error', () => undefined)
    const closed = once(stdio.stdout.resume(), 'close')
    for (let round = 0; round < 100; round++) stdio.stdin.write(Buffer.alloc(65536, '\n'))
    assert.equal((await wall.exit).code, 4)
    await closed
  })

  test('times are told', async () => {
    const { exit } = await run(plan(['sh', '-c', 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done']))
    assert.ok(exit.wallMs > 0 && exit.wallMs < 60_000, `${exit.wallMs} ms`)
    assert.ok(exit.cpuMs > 0 && exit.cpuMs < 60_000, `${exit.cpuMs} ms of CPU`)
  })
}
