import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseCall, parseDaemonFile, parseLaunch, wrongLaunchName } from './daemon.ts'

const launch = {
  name: 'files',
  plan: {},
  placement: { lifetime: 'shared', pool: 0 },
  each: {},
  env: { PATH: '/bin' },
}

test('what is no launch, call or file of a daemon is told from one that is', () => {
  assert.deepEqual(parseLaunch(launch), launch)
  for (const wrong of [
    { ...launch, name: 1 },
    { ...launch, plan: [] },
    { ...launch, placement: { lifetime: 'ever', pool: 0 } },
    { ...launch, placement: { lifetime: 'call', pool: 0.5 } },
    { ...launch, env: { PATH: 1 } },
    { ...launch, each: { tool: 'x' } },
    { ...launch, requestTimeMs: -1 },
  ]) {
    assert.equal(parseLaunch(wrong), undefined, JSON.stringify(wrong))
  }
  const call = { tool: 'echo', arguments: {}, timeMs: 1 }
  assert.deepEqual(parseCall(call), call)
  assert.equal(parseCall({ ...call, arguments: [] }), undefined)
  const file = { schema: 'glovebox/daemon-file/1', pid: 1, begun: '2', socket: '/s', token: 't' }
  assert.deepEqual(parseDaemonFile(JSON.stringify(file)), file)
  assert.equal(parseDaemonFile(JSON.stringify({ ...file, pid: '1' })), undefined)
})

test('whatever JSON comes, reading it throws nothing', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string(), (value, text) => {
      parseLaunch(value)
      parseCall(value)
      parseDaemonFile(text)
      parseDaemonFile(JSON.stringify(value))
    }),
  )
})

test('a name that leads anywhere else is no name', () => {
  for (const name of ['files', 'a.b-c_d@1', 'A']) assert.equal(wrongLaunchName(name), undefined)
  for (const name of ['', '.', '..', '../x', 'a/b', '-x', 'a b', 'é', 'x'.repeat(65), 'a\n']) {
    assert.notEqual(wrongLaunchName(name), undefined, name)
  }
})
