import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { runners } from '../support/as-user.ts'
import { within } from '../support/timed.ts'
import { sceneOf, wordsOf, type Attack } from './support/attack.ts'
import { runOutside } from './support/control.ts'
import { limits, mustHaveRun, runJail } from './support/jail.ts'
import { pidsWith, processorMs } from './support/measure.ts'
import { makePlace, type Place } from './support/place.ts'
import { assertHeld, attack, only, withPlaces } from './support/single.ts'
import { appeared, until } from './support/wait.ts'

const words = (place: Place, one: Attack): string[] => wordsOf([one], sceneOf(place, 'jail'))

withPlaces('limits over time', (place, other) => {
  test('four processes that want every processor get one', async () => {
    const one = attack('processor-bomb', { milliseconds: 1500 })
    const run = mustHaveRun(await runJail(place(), words(place(), one), { plan: { limits: limits({ cpus: 1 }) } }))
    const { cpuMs = 0, wallMs = 1 } = run.exit ?? {}
    assert.ok(only(one, run.stdout).attempted)
    assert.ok(cpuMs / wallMs < 1.2, `${cpuMs} ms of processors in ${wallMs} ms`)
    assert.ok(cpuMs > 50, `only ${cpuMs} ms: it did not compute at all`)
  })

  test('a program that ignores everything is ended when its time is over', async () => {
    const one = attack('survive', { marker: `survivor-${place().name}` })
    const stay = attack('stop-everybody', { ws: place().ws, seconds: 60 })
    const plan = { limits: limits({ time: 700 }) }
    const run = await within(2500, async () =>
      runJail(place(), wordsOf([one, stay], sceneOf(place(), 'jail')), { plan }),
    )
    assert.equal(run.exit?.timedOut, true)
    await until(() => pidsWith(`survivor-${place().name}`).length === 0, 'something is left')
  })

  test('watchers that a sandbox takes are not missing outside', async () => {
    const [hold, take] = [attack('watch-hold', { ws: place().ws, seconds: 60 }), attack('watch-bomb', { most: 4 })]
    let outside = ''
    const run = await runJail(place(), words(place(), hold), {
      meanwhile: async () => {
        await appeared(path.join(place().ws, 'holding'))
        outside = await runOutside(other(), wordsOf([take], sceneOf(other(), 'host')))
        writeFileSync(path.join(place().ws, 'enough'), '')
      },
    })
    const calls = JSON.stringify(only(hold, mustHaveRun(run).stdout).calls)
    assert.equal(only(take, outside).effect, '4 watchers', `the host has none left: ${calls}`)
  })

  test('reports that nobody reads hold up the sandbox, and do not fill the launcher', async () => {
    const one = attack('flood', { milliseconds: 1500 })
    let resident = 0
    const run = await runJail(place(), words(place(), one), {
      paused: true,
      meanwhile: async (pid) => {
        await setTimeout(2000)
        resident = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
      },
    })
    assertHeld(only(one, mustHaveRun(run).stdout))
    assert.ok(resident > 0 && resident < 32 * 1024, `the launcher has ${resident} KiB`)
    assert.ok(run.activities.length > 100, 'nothing was recorded')
    assert.ok(run.activities.every(({ verdict }) => verdict === 'denied'))
  })
})

const root = runners().find(({ name }) => name === 'root')
const noPart = root === undefined && 'a user without control groups is given whole processors only'

test(
  'who asks without end has us use no more of the processors than it may have itself',
  { skip: noPart },
  async (t) => {
    assert.ok(root)
    const place = await makePlace(root)
    t.after(async () => place.remove())
    const one = attack('flood', { milliseconds: 4000 })
    let usedMs = 0
    const run = await runJail(place, words(place, one), {
      plan: { limits: limits({ cpus: 0.2 }) },
      meanwhile: async (pid) => {
        const begun = performance.now()
        await until(() => {
          usedMs = Math.max(usedMs, processorMs(pid))
          return usedMs > 0 && performance.now() - begun > 3500
        }, 'the launcher used no time')
      },
    })
    assert.ok(only(one, mustHaveRun(run).stdout).attempted)
    assert.ok(run.activities.length > 1000, `only ${run.activities.length} attempts`)
    // A tenth of a processor, half a second that is saved up, its start, and what it reports.
    assert.ok(usedMs < 350 + 500 + 300, `${usedMs} ms of a processor in 3.5 s`)
  },
)
