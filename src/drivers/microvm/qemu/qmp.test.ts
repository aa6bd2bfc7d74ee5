import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { Duplex, PassThrough } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { openQmp } from './qmp.ts'

/** Our end, and the monitor's: what it is sent, and what it says. It is gone with its test, so that nobody waits for its answers. */
function monitor(context: TestContext) {
  const [sent, said] = [new PassThrough(), new PassThrough()]
  const stream = Duplex.from({ readable: said, writable: sent })
  context.after(() => void said.end())
  const events: string[] = []
  const qmp = openQmp(stream, (name) => void events.push(name))
  const say = (message: object): void => void said.write(`${JSON.stringify(message)}\r\n`)
  return { qmp, sent, said, say, events }
}

test('commands are answered by their id, whatever comes in between', async (context) => {
  const { qmp, say, events } = monitor(context)
  const [first, second] = [qmp.execute('one'), qmp.execute('two', { a: 1 })]
  say({ QMP: {} })
  say({ event: 'STOP', data: {} })
  say({ return: 'of two', id: 2 })
  say({ return: 'of one', id: 1 })
  assert.deepEqual(await Promise.all([first, second]), ['of one', 'of two'])
  assert.deepEqual(events, ['STOP'])
})

test('what is sent begins with the negotiation', async (context) => {
  const { qmp, sent } = monitor(context)
  qmp.execute('migrate', { uri: 'fd:0' }).catch(() => undefined)
  const lines: string[] = []
  for await (const line of createInterface(sent)) if (lines.push(line) === 2) break
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    [
      { execute: 'qmp_capabilities', id: 0 },
      { execute: 'migrate', arguments: { uri: 'fd:0' }, id: 1 },
    ],
  )
})

test('an error of QEMU is told with its own words', async (context) => {
  const { qmp, say } = monitor(context)
  const asked = qmp.execute('cont')
  say({ error: { class: 'GenericError', desc: 'no such thing' }, id: 1 })
  await assert.rejects(asked, { code: 'NOT_STARTED', message: 'QEMU: no such thing' })
})

test('what QEMU complains of beside the protocol is the reason when it ends', async (context) => {
  const { qmp, said } = monitor(context)
  const asked = qmp.execute('cont')
  said.end('qemu-system-x86_64: could not open the file\n')
  await assert.rejects(asked, { message: 'QEMU: qemu-system-x86_64: could not open the file' })
  await qmp.closed
  await assert.rejects(qmp.execute('cont'), { code: 'NOT_STARTED' })
})

test('a monitor that floods us with a line without end is given up', async (context) => {
  const { qmp, said } = monitor(context)
  const asked = qmp.execute('cont')
  said.write(Buffer.alloc(600 * 1024, 'x'))
  await assert.rejects(asked, { code: 'NOT_STARTED' })
})
