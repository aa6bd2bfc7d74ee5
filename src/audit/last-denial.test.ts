import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withDirectory } from '../../test/support/record.ts'
import { GloveboxError } from '../errors.ts'
import type { ActivityFact, Fact } from '../protocol/facts.ts'
import { openAudit } from './audit-log.ts'
import { findDenial, type Denial } from './last-denial.ts'

const connect = (address: string, more: Partial<ActivityFact['activity']> = {}): Fact => ({
  fact: 'activity',
  activity: {
    kind: 'connect',
    pid: 7,
    program: '/usr/bin/curl',
    address,
    verdict: 'denied',
    rule: 'network.default-deny',
    ...more,
  },
})

function write(directory: string, sandbox: string, server: string, facts: readonly Fact[], from: number): void {
  let time = from
  // A small file size, so that an event is found in whichever file of a record it is.
  const audit = openAudit({ directory, sandbox, server, now: () => ++time, rotation: { bytes: 600, ageMs: Infinity } })
  for (const fact of facts) audit.record(fact)
  audit.close()
}

const find = (directory: string, wanted?: string): Denial => findDenial(directory, wanted, () => undefined)

test('the last denial of a server, of a sandbox, of all, and the one of an id', () =>
  withDirectory((directory) => {
    write(directory, 'gbx-1', 'files', [connect('1.1.1.1:1'), connect('1.1.1.1:2'), connect('1.1.1.1:2')], 1000)
    write(directory, 'gbx-2', 'web', [connect('2.2.2.2:1'), connect('3.3.3.3:1', { verdict: 'allowed' })], 2000)
    const files = find(directory, 'files')
    assert.equal(files.attempt.id, 'gbx-1:3')
    assert.equal(files.attempt.address, '1.1.1.1:2')
    assert.equal(files.attempt.program, '/usr/bin/curl')
    assert.equal(files.times, 2)
    assert.equal(find(directory, 'gbx-1').attempt.id, 'gbx-1:3')
    assert.equal(find(directory).attempt.id, 'gbx-2:1')
    assert.equal(find(directory, 'gbx-1:1').attempt.address, '1.1.1.1:1')
    assert.equal(find(directory, 'gbx-2:2').attempt.verdict, 'allowed')
  }))

test('a socket that is not there is not the last denial while there is another', () =>
  withDirectory((directory) => {
    const absent = connect('unix:/var/run/nscd/socket', { rule: 'unix.absent' })
    write(directory, 'gbx-1', 'files', [connect('1.1.1.1:1'), absent], 1000)
    assert.equal(find(directory, 'files').attempt.address, '1.1.1.1:1')
    write(directory, 'gbx-2', 'web', [absent], 2000)
    assert.equal(find(directory, 'web').attempt.rule, 'unix.absent')
  }))

test('where there is none, the way to find more is told', () =>
  withDirectory((directory) => {
    for (const wanted of [undefined, 'files', 'gbx-1:1']) {
      assert.throws(
        () => find(directory, wanted),
        (error) => error instanceof GloveboxError && error.code === 'FAILED' && error.fix !== undefined,
      )
    }
  }))
