import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grpcStatus } from '../../../protocol/inside/grpc.ts'
import { encodeBytes } from '../../../protocol/inside/v1.ts'
import { connected, failing } from '../../../../test/support/inside-connection.ts'
import { framed, http2Peer, respond } from '../../../../test/support/inside-peer.ts'
import { isRight, keepsTime } from './keeps-time.ts'

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

const atOnce = (): number => 0

test('a guest is asked, and one that has no such list is believed', async (t) => {
  const text = framed(encodeBytes({ data: Buffer.from(device('lapic', 1133466565)) }))
  const wrong = await http2Peer(t, (stream) => {
    respond(stream)
    stream.end(text)
  })
  assert.equal(await keepsTime(await connected(t, wrong), atOnce), false)
  const silent = await http2Peer(t, (stream) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc+proto', 'grpc-status': `${grpcStatus.notFound}` },
      { endStream: true },
    )
  })
  assert.equal(await keepsTime(await connected(t, silent), atOnce), true)
})

test('a guest that tells of its timers without an end is given up, and fills nothing', async (t) => {
  const chunk = framed(encodeBytes({ data: Buffer.alloc(65_536) }))
  let sent = 0
  const peer = await http2Peer(t, (stream) => {
    respond(stream)
    const flood = (): void => {
      while (!stream.destroyed && stream.write(chunk)) sent += chunk.length
    }
    stream.on('drain', flood)
    flood()
  })
  await assert.rejects(
    keepsTime(await connected(t, peer), atOnce),
    failing('CHANNEL_LOST', /its list of timers has no end/),
  )
  assert.ok(sent < 16 * 2 ** 20, `${sent} bytes were taken`)
})
