import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, lstatSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import type { Readable } from 'node:stream'
import type { JailMount } from '../../src/protocol/jail-plan.ts'
import { startCases } from './cases/start.ts'
import { sceneOf, wordsOf, type Report } from './support/attack.ts'
import { runOutside } from './support/control.ts'
import { jailGround } from './support/ground.ts'
import { planFor, runJail } from './support/jail.ts'
import { pidsWith } from './support/measure.ts'
import type { Place } from './support/place.ts'
import { assertHeld, assertWorks, attack, attackInJail, only, withPlaces } from './support/single.ts'
import { appeared, until } from './support/wait.ts'

const isRoot = process.getuid?.() === 0
const onlyRoot = isRoot ? false : 'only root can prepare this'

withPlaces('what is done from outside meanwhile', (place, other) => {
  test('a directory that is moved out of the workspace takes nobody along', async () => {
    const move = async ({ ws, base }: Place): Promise<void> => {
      await appeared(path.join(ws, 'sub', 'ready'))
      renameSync(path.join(ws, 'sub'), path.join(base, 'moved'))
    }
    const one = (at: Place): ReturnType<typeof attack> => attack('moved-directory', { ws: at.ws, target: at.secret })
    const { run, report } = await attackInJail(place(), one(place()), { meanwhile: () => move(place()) })
    assertHeld(report)
    assert.ok(!run.stdout.includes(place().token))
    assertWorks(await outsideMeanwhile(other(), one(other()), () => move(other())))
  })

  // The kernel takes a mount away with what it lies on: between that and the end of the sandbox the new file can
  // be read. SECURITY.md says so; what is promised is the end.
  test('a denied file that somebody replaces ends the sandbox', async () => {
    const replace = async ({ ws, denied, token }: Place): Promise<void> => {
      await appeared(path.join(ws, 'ready'))
      writeFileSync(`${denied}.new`, `${token}\n`)
      give(`${denied}.new`, place())
      renameSync(`${denied}.new`, denied)
    }
    const one = (at: Place): ReturnType<typeof attack> => attack('deny-replaced', { ws: at.ws, target: at.denied })
    const words = [...wordsOf([one(place())], sceneOf(place(), 'jail')), '--', 'stop-everybody', `ws=${place().ws}`]
    const run = await runJail(place(), words, { meanwhile: () => replace(place()) })
    assert.equal(run.exit, undefined)
    assert.match(run.failure?.message ?? '', /replaced on the host/)
    assertWorks(await outsideMeanwhile(other(), one(other()), () => replace(other())))
  })

  test('nobody outside can be made to connect to a port inside', async () => {
    const port = await freePort()
    const one = (at: Place): ReturnType<typeof attack> => attack('listen', { ws: at.ws, host: '0.0.0.0', port })
    const call = async ({ ws }: Place): Promise<boolean> => {
      await appeared(path.join(ws, 'listening'))
      const answered = await isListening(port)
      writeFileSync(path.join(ws, 'called'), '')
      return answered
    }
    let answered: boolean | undefined
    const { report } = await attackInJail(place(), one(place()), {
      meanwhile: async () => void (answered = await call(place())),
    })
    assertHeld(report)
    assert.equal(answered, false)
    assertWorks(await outsideMeanwhile(other(), one(other()), async () => void (answered = await call(other()))))
    assert.equal(answered, true)
  })

  test('an advisory lock on a shared file is shared, and ends with the sandbox: this is documented, not prevented', async () => {
    const one = attack('lock-shared', { target: place().readOnly })
    const { report } = await attackInJail(place(), one)
    assert.equal(report.effect, 'locked: ')
    assert.equal(place().runner.spawnSync(place().attacks, ['locked', place().readOnly]).status, 0)
  })
})

withPlaces('what lies in the directories that are given', (place, other) => {
  test('a device that somebody left in the workspace cannot be opened', { skip: onlyRoot }, async () => {
    for (const at of [place(), other()]) {
      const node = path.join(at.ws, 'zero')
      assert.equal(spawnSync('mknod', ['-m', '666', node, 'c', '1', '5']).status, 0)
      give(node, at)
    }
    const one = (at: Place): ReturnType<typeof attack> => attack('foreign-device', { target: path.join(at.ws, 'zero') })
    assertHeld((await attackInJail(place(), one(place()))).report)
    assertWorks(only(one(other()), await runOutside(other(), wordsOf([one(other())], sceneOf(other(), 'host')))))
  })

  startCases(() => jailGround(place(), other()), onlyRoot)
})

withPlaces('what changes while a sandbox starts', (place) => {
  test('a directory to be mounted that turns into a link leads nowhere (CVE-2021-30465, CVE-2024-42472)', async () => {
    const { base, ws } = place()
    const [source, link, outside] = [path.join(ws, 'given'), path.join(ws, 'link'), path.join(base, 'outside')]
    mkdirSync(outside)
    writeFileSync(path.join(outside, 'inner.txt'), `${place().token}\n`)
    mkdirSync(source)
    symlinkSync(outside, link)
    for (const name of [outside, path.join(outside, 'inner.txt'), source]) give(name, place())
    const mounts = planFor(place(), []).mounts.filter(({ target }) => target !== ws)
    const given: JailMount = { source, target: '/given', access: 'read', exec: false, owner: 'user' }
    const one = attack('read-path', { target: '/given/inner.txt' })
    let started = 0
    await flipping(place(), source, link, async () => {
      for (let round = 0; round < 60; round++) {
        const words = wordsOf([one], sceneOf(place(), 'jail'))
        const command = { ...planFor(place(), words).command, cwd: '/' }
        const plan = { command, mounts: [...mounts, given], deny: [] }
        const run = await runJail(place(), words, { plan })
        if (run.exit !== undefined) started += 1
        assert.ok(!run.stdout.includes(place().token), 'a start mounted what the link leads to')
      }
      await until(() => lstatSync(source).isSymbolicLink(), 'nothing was exchanged')
    })
    assert.ok(started > 0, 'no start saw the directory')
  })
})

withPlaces('what is left', (place, other) => {
  test('processes that mean to outlive the sandbox do not', async () => {
    const marker = `survivor-${place().name}`
    const { report } = await attackInJail(place(), attack('survive', { marker }))
    assert.ok(report.attempted)
    await until(() => lingering(marker).length === 0, 'something is left')
    const outside = `survivor-${other().name}`
    const one = attack('survive', { marker: outside })
    await runOutside(other(), wordsOf([one], sceneOf(other(), 'host')))
    await until(() => lingering(outside).length > 0, 'outside nothing survives either')
    await killAll(outside)
  })

  test('a sandbox whose processes are all stopped ends with its launcher', async () => {
    const marker = `survivor-${place().name}`
    const attacks = [attack('survive', { marker }), attack('stop-everybody', { ws: place().ws, seconds: 60 })]
    await runJail(place(), wordsOf(attacks, sceneOf(place(), 'jail')), {
      meanwhile: async (pid) => {
        await appeared(path.join(place().ws, 'stopped'))
        process.kill(pid, 'SIGKILL')
      },
    })
    await until(() => lingering(marker).length === 0, 'something is left')
    await until(() => pidsWith(`${place().attacks}\0run`).length === 0, 'something is left')
  })
})

const lingering = (marker: string): number[] => pidsWith(`linger\0${marker}`)

/** The control run's, which only know SIGKILL; one of them starts another as long as its parent lives. */
async function killAll(marker: string): Promise<void> {
  await until(() => {
    const pids = [...pidsWith(`marker=${marker}`), ...lingering(marker)]
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    return pids.length === 0
  }, 'survivors of the control run are left')
}

async function outsideMeanwhile(
  place: Place,
  one: ReturnType<typeof attack>,
  meanwhile: () => Promise<void>,
): Promise<Report> {
  const [output] = await Promise.all([runOutside(place, wordsOf([one], sceneOf(place, 'host'))), meanwhile()])
  return only(one, output)
}

function give(name: string, { runner }: Place): void {
  if (isRoot) chownSync(name, runner.uid, runner.gid)
}

/** Exchanges two names all the while. */
async function flipping(place: Place, one: string, two: string, body: () => Promise<void>): Promise<void> {
  const child = place.runner.spawn(place.attacks, ['flip', one, two], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  await once(child.stdout as Readable, 'data')
  try {
    await body()
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '0.0.0.0')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED')
    return false
  } finally {
    socket.destroy()
  }
}
