import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Exit } from '../../driver.ts'
import { describeEnd, lastOf } from './ending.ts'

const exit: Exit = {
  code: 0,
  signal: null,
  outOfMemory: false,
  timedOut: false,
  wallMs: 1,
  cpuMs: 1,
  peakMemoryBytes: null,
}

test('a guest that stops, a Firecracker that fails and one that is killed are told apart', () => {
  const end = (change: Partial<Exit>, words: string[] = [], log = ''): string =>
    describeEnd({ exit: { ...exit, ...change }, words }, log, false)
  assert.match(end({}), /^the guest stopped by itself: its kernel panicked/)
  assert.match(end({ code: 148 }), /a system call that its own filter forbids \(exit code 148\)/)
  assert.match(end({ code: 149 }), /SIGBUS.*\(exit code 149\)/)
  assert.match(end({ code: 77 }), /it did not say why \(exit code 77\)/)
  assert.match(end({ code: null, signal: 9 }), /killed by signal 9/)
  assert.match(end({ code: null, signal: 9, outOfMemory: true }), /more memory than its machine may/)
})

test('a triple fault is the guest’s end, and told as such', () => {
  const log = `2026-11-22T12:32:59.943074469 [vm-cb3cab3a3f43:fc_vcpu 0] Unexpected exit reason on vcpu run: Shutdown
2026-11-22T12:33:00.497440295 [vm-cb3cab3a3f43:main] Firecracker exiting with error. exit_code=1\n`
  const told = (code: number, said: string): string => describeEnd({ exit: { ...exit, code }, words: [] }, said, false)
  assert.match(told(1, log), /^the guest stopped by itself: .*triple fault/)
  assert.match(told(1, log.replace('Shutdown', 'Debug')), /^Firecracker failed: it did not say why \(exit code 1\)/)
  assert.match(told(149, log), /^Firecracker failed: .*SIGBUS/)
})

test('its log, and what its jail met, follow the reason; the log of a guest that stopped is nothing but noise', () => {
  assert.equal(
    describeEnd({ exit: { ...exit, code: 152 }, words: ['memory: 400 MB'] }, 'bad config\n', false),
    'Firecracker failed: its configuration was refused (exit code 152)\nmemory: 400 MB\nbad config',
  )
  assert.doesNotMatch(describeEnd({ exit, words: [] }, 'exiting successfully', false), /exiting/)
})

test('one that was never started has the reason of its jail alone, and one that we ended has none', () => {
  assert.equal(describeEnd({ exit: undefined, words: ['no such device'] }, '', false), 'no such device')
  assert.equal(describeEnd({ exit, words: [] }, 'whatever', true), '')
})

test('of a log without end the last is kept', () => {
  const log = lastOf(8)
  for (let at = 0; at < 100; at++) log.take(Buffer.from(`line ${at}\n`))
  assert.equal(log.text(), 'line 99\n')
  log.take(Buffer.alloc(1000, 'x'))
  assert.equal(log.text(), 'xxxxxxxx')
})
