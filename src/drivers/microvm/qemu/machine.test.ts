import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
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
  await assert.rejects(freeze(machine, '/nowhere/written', 1), /the state was not written \(it took too long\)/)
  assert.ok((await ended.promise).asked, 'nothing of it is left')
})

test('a state of which the last bytes are under way is waited for: QEMU is done before who writes them is', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-freeze-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const written = path.join(directory, 'written')
  const ended = new Promise<MachineEnd>(() => undefined)
  let isWritten = false
  const kill = async (): Promise<MachineEnd> => {
    assert.ok(isWritten, 'nothing is killed before')
    return { asked: true, lastWords: '' }
  }
  const migrated = Promise.resolve('completed')
  setTimeout(() => {
    isWritten = true
    writeFileSync(written, '')
  }, 50)
  await freeze({ qmp: { execute: async () => ({}) }, migrated, ended, kill }, written)
  assert.ok(isWritten && !existsSync(written), 'what says so is no part of the template')
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
