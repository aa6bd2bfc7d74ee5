import assert from 'node:assert/strict'
import test from 'node:test'
import { remembered } from './remembered.ts'

test('each address, port and protocol is asked for once, and has its own answer', () => {
  const asked: string[] = []
  const ask = remembered((address, port, by) => {
    asked.push(`${address} ${port} ${by}`)
    return port === 81 || by === 'udp' ? `${address} is private` : undefined
  })
  for (let round = 0; round < 2; round++) {
    assert.equal(ask('192.0.2.1', 80), undefined)
    assert.equal(ask('192.0.2.1', 80, 'tcp'), undefined)
    assert.equal(ask('192.0.2.1', 81), '192.0.2.1 is private')
    assert.equal(ask('192.0.2.1', 80, 'udp'), '192.0.2.1 is private')
    assert.equal(ask('192.0.2.2', 80), undefined)
  }
  assert.deepEqual(asked, ['192.0.2.1 80 tcp', '192.0.2.1 81 tcp', '192.0.2.1 80 udp', '192.0.2.2 80 tcp'])
})

test('what is kept has a bound, past which answers are found again', () => {
  let asked = 0
  const ask = remembered((address) => {
    asked += 1
    return address
  })
  for (let port = 1; port <= 5000; port++) assert.equal(ask('a', port), 'a')
  assert.equal(ask('a', 1), 'a')
  assert.equal(asked, 5001)
})
