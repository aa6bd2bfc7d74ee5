import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killOn } from '../vmm/kill-on.ts'
import type { MachineEnd } from '../vmm/machine.ts'
import { freeze } from './machine.ts'

test('a state that is never written is not waited for, since others wait for its template', async () => {
  const ended = Promise.withResolvers<MachineEnd>()
  const kill = async (): Promise<MachineEnd> => {
    ended.resolve({ asked: true, lastWords: '' })
    return ended.promise
  }
  const never = new Promise<string>(() => undefined)
  const machine = { qmp: { execute: async () => ({}) }, migrated: never, ended: ended.promise, kill }
  await assert.rejects(
    freeze(machine, () => true, 1),
    /the state was not written \(it took too long\)/,
  )
  assert.ok((await ended.promise).asked, 'nothing of it is left')
})

test('a machine is not ended before its state is whole: QEMU says it is complete when a pipe has it', async () => {
  const ended = Promise.withResolvers<MachineEnd>()
  let [asked, killedAfter] = [0, -1]
  const kill = async (): Promise<MachineEnd> => {
    killedAfter = asked
    ended.resolve({ asked: true, lastWords: '' })
    return ended.promise
  }
  const migrated = Promise.resolve('completed')
  const machine = { qmp: { execute: async () => ({}) }, migrated, ended: ended.promise, kill }
  await freeze(machine, () => ++asked === 3)
  assert.equal(killedAfter, 3)
  const never = { ...machine, ended: new Promise<MachineEnd>(() => undefined) }
  await assert.rejects(
    freeze(never, () => false, 20),
    /the state was not written \(it took too long\)/,
  )
})

test('whoever gives up ends the machine, also one that boots', () => {
  let killed = 0
  const kill = async (): Promise<MachineEnd> => {
    killed += 1
    return { asked: true, lastWords: '' }
  }
  const [early, late, over] = [AbortSignal.abort(), new AbortController(), new AbortController()]
  killOn(early, { kill })
  killOn(late.signal, { kill })
  killOn(over.signal, { kill })()
  assert.equal(killed, 1)
  late.abort()
  over.abort()
  assert.equal(killed, 2)
})
