import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRight } from './keeps-time.ts'

const head = `Timer List Version: v0.9
cpu: 0
 clock 0:
active timers:
jiffies: 4294892296

Tick Device: mode:     0
Broadcast device
Clock Event Device: <NULL>
tick_broadcast_mask: 0

Tick Device: mode:     1
Per CPU device: 0
`
const device = (name: string, mult: number): string =>
  `${head}Clock Event Device: ${name}
 max_delta_ns:   34360288121
 min_delta_ns:   1000
 mult:           ${mult}
 shift:          32
 mode:           3
 next_event:     2116000000 nsecs
`

test('a timer that was measured in peace is right, and so is one that nobody measures', () => {
  for (const mult of [268431161, 269079701, 259196981]) assert.ok(isRight(device('lapic', mult)), `${mult}`)
  assert.ok(isRight(device('lapic-deadline', 1_000_000_000)))
  assert.ok(isRight(device('arch_sys_timer', 268435456)))
})

test('one that was measured while its machine stood still is not, and neither is none', () => {
  for (const mult of [1133466565, 1332497497, 1222112542, 4_000_000])
    assert.ok(!isRight(device('lapic', mult)), `${mult}`)
  assert.ok(!isRight(`${head}Clock Event Device: <NULL>\n`))
})

test('a kernel that tells otherwise, or nothing, is believed', () => {
  assert.ok(isRight(''))
  assert.ok(isRight(head.replaceAll('Per CPU device: 0\n', '')))
})
