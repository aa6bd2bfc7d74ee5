import assert from 'node:assert/strict'
import test from 'node:test'
import { withoutListener, type Place } from './own-loopback.ts'

const connect = (address: string): Place => ({ kind: 'connect', rule: 'loopback', verdict: 'allowed', address })
const bind = (address: string): Place => ({ ...connect(address), kind: 'bind' })
const lonely = (...places: Place[]): string[] => [...withoutListener(places).values()]

test('a connection to the sandbox itself has nobody who answers unless somebody inside took that port', () => {
  assert.deepEqual(lonely(connect('127.0.0.1:80'), connect('[::1]:81')), ['127.0.0.1:80', '[::1]:81'])
  assert.deepEqual(lonely(bind('0.0.0.0:80'), connect('127.0.0.1:80'), connect('127.0.0.1:8080')), ['127.0.0.1:8080'])
})

test('where the kernel chose a port nothing is said, and nothing of what has no port or was denied', () => {
  assert.deepEqual(lonely(bind('127.0.0.1:0'), connect('127.0.0.1:80')), [])
  assert.deepEqual(
    lonely(connect('127.0.0.1:0'), connect('unix:/x'), { ...connect('127.0.0.1:9'), verdict: 'denied' }),
    [],
  )
  assert.deepEqual(lonely({ ...connect('10.0.0.1:80'), rule: '10.0.0.1:80' }), [])
})

test('each place is spelled as a rule for the host has it', () => {
  assert.deepEqual(lonely(connect('[::ffff:127.0.0.5]:80'), connect('0.0.0.0:81'), connect('[::]:82')), [
    '127.0.0.5:80',
    '127.0.0.1:81',
    '[::1]:82',
  ])
})

test('an address that the policy leads to the host is none of the sandbox', () => {
  const led: Place = { kind: 'egress-open', rule: '127.0.0.1:80', verdict: 'allowed', address: '127.0.0.1:80' }
  const places = [connect('127.0.0.1:80'), led, connect('[::ffff:127.0.0.1]:80'), connect('127.0.0.1:81')]
  assert.deepEqual(lonely(...places), ['127.0.0.1:81'])
})
