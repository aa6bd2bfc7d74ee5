import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { lost } from '../../../inside/failure.ts'
import { enterGuest } from './guest.ts'
import type { Machine, MachineEnd } from './machine.ts'

const patience = { againMs: 10, patienceMs: 200, isFresh: true }

/** A machine whose guest never answers. */
function machineThat(connect: (attempt: number) => Duplex): { machine: Machine; attempts: () => number } {
  let attempts = 0
  const ended = Promise.withResolvers<MachineEnd>()
  const kill = async (): Promise<MachineEnd> => {
    ended.resolve({ asked: true, lastWords: '' })
    return ended.promise
  }
  const receipt = { enforcements: [] } as unknown as Machine['receipt']
  const machine: Machine = {
    connect: async () => connect(++attempts),
    isOver: async () => false,
    pid: 1,
    receipt,
    ended: ended.promise,
    kill,
  }
  return { machine, attempts: () => attempts }
}

test('a machine that is ending by itself is let say why, which it does after its connections are gone', async () => {
  const transport = silent()
  const { machine } = machineThat(() => transport)
  const ended = Promise.withResolvers<MachineEnd>()
  const ending: Machine = {
    ...machine,
    isOver: async () => ended.promise.then(() => true),
    ended: ended.promise,
    async kill() {
      ended.resolve({ asked: true, lastWords: '' })
      return ended.promise
    },
    async connect() {
      setImmediate(() => {
        transport.destroy()
        setTimeout(() => ended.resolve({ asked: false, lastWords: 'a triple fault' }), 50)
      })
      return transport
    },
  }
  await assert.rejects(enterGuest(ending, { ...patience, patienceMs: 1 }), {
    code: 'NOT_STARTED',
    message: /ended before it answered: a triple fault/,
  })
})

const silent = (): Duplex => new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })

test('a guest in which nobody listens yet is asked again, until patience ends', async () => {
  const { machine, attempts } = machineThat(() => {
    throw lost('nobody listens there')
  })
  await assert.rejects(enterGuest(machine, patience), { code: 'CHANNEL_LOST', message: /nobody listens there/ })
  assert.ok(attempts() > 2, String(attempts()))
})

test('a connection that breaks off before anybody has answered is followed by another', async () => {
  const { machine, attempts } = machineThat((attempt) => {
    const transport = silent()
    if (attempt < 3) setImmediate(() => transport.destroy())
    return transport
  })
  await assert.rejects(enterGuest(machine, patience), { message: /nobody answers behind the transport/ })
  assert.equal(attempts(), 3)
})

test('over one that stands nobody is asked a second time', async () => {
  const { machine, attempts } = machineThat(silent)
  await assert.rejects(enterGuest(machine, patience), { message: /nobody answers behind the transport/ })
  assert.equal(attempts(), 1)
})
