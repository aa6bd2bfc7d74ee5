import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
  await assert.rejects(freeze(machine, '/nowhere/state', 1), /the state was not written \(it took too long\)/)
  assert.ok((await ended.promise).asked, 'nothing of it is left')
})

test('a machine is not ended before all of its state is in its file, whatever QEMU says of it', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'glovebox-freeze-'))
  context.after(() => rmSync(directory, { recursive: true }))
  const state = join(directory, 'state')
  let uri = ''
  let wasThere: boolean | undefined
  const machine = {
    qmp: {
      execute: async (command: string, args?: Readonly<Record<string, unknown>>) => {
        if (command === 'migrate') {
          uri = String(args?.['uri'])
          setTimeout(() => writeFileSync(state, 'whole'), 30)
        }
      },
    },
    migrated: Promise.resolve('completed'),
    ended: new Promise<MachineEnd>(() => undefined),
    kill: async (): Promise<MachineEnd> => {
      wasThere = existsSync(state)
      return { asked: true, lastWords: '' }
    },
  }
  await freeze(machine, state)
  assert.equal(wasThere, true)
  assert.match(uri, /^exec:cat > (\S+)\.part && mv \1\.part \1$/)
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
