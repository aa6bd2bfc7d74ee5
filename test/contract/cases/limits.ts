import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GloveboxError } from '../../../src/errors.ts'
import type { JailLimits } from '../../../src/protocol/jail-plan.ts'
import type { Plan } from '../../../src/policy/plan.ts'
import type { Contract } from '../context.ts'
import { until } from '../context.ts'

const MiB = 1024 * 1024

export function limitCases({ plan, start, run }: Contract): void {
  /** A plan with other values for limits that the user did not write down: every host can hold those. */
  const limited = (
    command: readonly string[],
    limits: Partial<Record<keyof JailLimits, number>>,
    rest?: Partial<Plan>,
  ): Plan => {
    const planned = plan(command)
    const changed = Object.fromEntries(
      Object.entries(limits).map(([name, value]) => [name, { value, explicit: false }]),
    )
    return { ...planned, ...rest, limits: { ...planned.limits, ...changed } }
  }

  test('more memory than there is ends the sandbox, and is told as that', async () => {
    const hungry = 'const all = []; for (;;) all.push(Buffer.alloc(8 * 1024 * 1024, 1))'
    const { exit, limits } = await run(limited([process.execPath, '-e', hungry], { memory: 160 * MiB, disk: 16 * MiB }))
    assert.notEqual(exit.code, 0)
    assert.equal(exit.outOfMemory, true)
    assert.deepEqual(
      limits.map(({ limit }) => limit),
      ['memory'],
    )
    assert.match(limits[0]?.detail ?? '', /160 MiB/)
  })

  test('memory of many processes counts together', async () => {
    // Each takes far less than the limit, all of them more.
    const hungry = `for i in 1 2 3 4 5 6 7 8; do
      sh -c 'head -c 20000000 /dev/zero | tail -c 20000000 | sleep 20' & done; wait`
    const { exit, limits } = await run(limited(['sh', '-c', hungry], { memory: 64 * MiB, disk: 16 * MiB }))
    assert.equal(exit.outOfMemory, true, JSON.stringify(exit))
    assert.deepEqual(
      limits.map(({ limit }) => limit),
      ['memory'],
    )
  })

  test('what is private and writable is full at its limit, and nothing else suffers', async () => {
    const fill =
      'for d in /tmp "$HOME" /dev/shm; do head -c 64000000 /dev/zero > $d/fill; du -sk $d/fill; done; rm /tmp/fill; echo x > /tmp/y && cat /tmp/y'
    const { stdout, stderr } = await run(limited(['sh', '-c', fill], { disk: 8 * MiB, memory: 256 * MiB }))
    const used = stdout
      .toString()
      .split('\n')
      .map((line) => Number(/^(\d+)\t/.exec(line)?.[1] ?? 0))
    const together = used.reduce((sum, kib) => sum + kib, 0)
    // The skeleton of directories is on the same tmpfs, and may have some pages beyond the limit.
    assert.ok(together > 4 * 1024 && together <= 8 * 1024 + 64, `${together} KiB together`)
    assert.match(stderr.toString(), /No space left/)
    assert.match(stdout.toString(), /\nx\n$/)
  })

  test('no more processes than the limit', async () => {
    const many =
      'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24; do sleep 20 & done; jobs | wc -l'
    const { stdout, stderr } = await run(limited(['sh', '-c', many], { pids: 12 }))
    assert.match(stderr.toString(), /fork/i)
    // What did not start is not in the list; a shell that gives up has not printed one.
    assert.ok(stdout.length === 0 || Number(stdout.toString()) < 12, stdout.toString())
  })

  test('no more open files than the limit', async () => {
    const { stdout } = await run(limited(['sh', '-c', 'ulimit -Hn; ulimit -Sn'], { openFiles: 64 }))
    assert.equal(stdout.toString(), '64\n64\n')
  })

  test('the time that a program may take ends it, and is told as that', async () => {
    const planned = plan(['sh', '-c', 'trap "" TERM; sleep 100 & sleep 100'])
    const { exit, limits } = await run({
      ...planned,
      limits: { ...planned.limits, time: { value: 200, explicit: true } },
    })
    assert.equal(exit.timedOut, true)
    assert.equal(exit.signal, 9)
    assert.ok(exit.wallMs >= 200, `${exit.wallMs} ms`)
    assert.deepEqual(
      limits.map(({ limit }) => limit),
      ['time'],
    )
  })

  test('no more than its share of the processors', async () => {
    const busy =
      'for (let i = 0; i < 3; i++) new (require("worker_threads").Worker)("for(;;);", { eval: true }); setTimeout(() => process.exit(), 2000)'
    const { exit } = await run(limited([process.execPath, '-e', busy], { cpus: 1 }))
    // One processor for the 2 s and the start; three threads without a limit would take two of two or three of three.
    assert.ok(exit.cpuMs < exit.wallMs * 1.25 + 100, `${exit.cpuMs} ms of CPU in ${exit.wallMs} ms`)
  })

  test('a limit that was written down is enforced, or the start is refused with a way out', async () => {
    const asked = plan(['sleep', '30'], { limits: { memoryBytes: 64 * MiB, diskBytes: 8 * MiB, cpus: 0.5, pids: 16 } })
    try {
      const { wall } = await start(asked)
      const holding = wall.receipt.enforcements.filter(({ control }) => ['memory', 'cpus', 'pids'].includes(control))
      for (const { control, enforced, mechanism } of holding) {
        assert.ok(enforced)
        assert.match(mechanism, /cgroup/, control)
      }
      await wall.stop(0)
    } catch (error) {
      assert.ok(error instanceof GloveboxError, String(error))
      assert.equal(error.code, 'HOST_CANNOT')
      assert.match(error.fix ?? '', /doctor --fix/)
    }
  })

  test('a sandbox that met no limit says nothing of limits', async () => {
    const { stdio, wall, limits } = await start(plan(['cat']))
    stdio.stdin.write('x\n')
    await until(stdio.stdout, 'x')
    stdio.stdin.end()
    await wall.exit
    assert.deepEqual(limits, [])
  })
}
