import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refuseInsideFlags, refusePolicyFlags, splitTarget, variablesOf } from './exec-inside.ts'

test('A word before two dashes is a running sandbox, and nothing else is', () => {
  assert.deepEqual(splitTarget(['files', '--', 'ls', '--', '-l']), { name: 'files', command: ['ls', '--', '-l'] })
  for (const words of [['ls'], ['ls', '-l'], ['ls', '-l', '--', 'x'], []]) assert.equal(splitTarget(words), undefined)
  assert.throws(() => splitTarget(['files', '--']), { code: 'USAGE', fix: /glovebox shell files/ })
})

test('A flag that would change the policy of what runs is refused by its name, and the other way round', () => {
  refusePolicyFlags({ env: ['A'], workdir: '/', tty: true, interactive: false, json: true, memory: undefined })
  assert.throws(() => refusePolicyFlags({ allowNet: ['x'] }), {
    code: 'USAGE',
    message: /^--allow-net is for a new sandbox/,
  })
  assert.throws(() => refusePolicyFlags({ envFile: ['x'] }), { code: 'USAGE' })
  refuseInsideFlags({ env: ['A=1'] })
  for (const flags of [{ workdir: '/' }, { tty: false }, { interactive: true }]) {
    assert.throws(() => refuseInsideFlags(flags), { code: 'USAGE', fix: /exec NAME -- COMMAND/ })
  }
})

test('A variable without a value is ours', () => {
  assert.deepEqual(variablesOf(['A=1', 'B', 'C=', 'D=x=y'], { B: 'two' }), ['A=1', 'B=two', 'C=', 'D=x=y'])
  assert.throws(() => variablesOf(['E'], {}), { code: 'USAGE', message: /not set here/ })
  assert.throws(() => variablesOf(['=x'], {}), { code: 'USAGE' })
})
