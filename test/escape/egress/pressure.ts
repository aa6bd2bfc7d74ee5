import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Writable } from 'node:stream'
import { eventually } from '../../support/eventually.ts'
import { runners, type Runner } from '../../support/as-user.ts'
import { startWorld, type World } from '../../support/world/world.ts'
import type { Report } from '../support/attack.ts'
import { attacksBinary } from '../support/binaries.ts'
import { attackerOf, flagsOf, openBox, wordsOf, type Box } from './box.ts'
import { allowedName, pieces, server4, tokenOf, zone, type EgressCase } from './case.ts'
import { clientHello } from './hello.ts'

const policy = { allow: [`${allowedName}:80,443,8080`] }

interface Flood {
  readonly how: 'open' | 'half' | 'slow' | 'churn'
  readonly what: string
  readonly port: number
  readonly count: number
  readonly held: number
  readonly pieces: string
}

const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: ${allowedName}:8080\r\n\r\n`

const floods: readonly Flood[] = [
  { how: 'churn', what: '10,000 connections, each ended at once', port: 8080, count: 10_000, held: 0, pieces: '' },
  { how: 'open', what: '2,000 connections that say nothing', port: 8080, count: 2000, held: 900, pieces: '' },
  {
    how: 'half',
    what: '2,000 connections that say half of a TLS hello',
    port: 443,
    count: 2000,
    held: 900,
    pieces: pieces(clientHello({ names: [allowedName] })),
  },
  { how: 'half', what: '2,000 half requests', port: 80, count: 2000, held: 900, pieces: pieces(request('/')) },
  {
    how: 'slow',
    what: '500 requests for much that nobody reads',
    port: 8080,
    count: 500,
    held: 400,
    pieces: pieces(request('/much')),
  },
  {
    how: 'half',
    what: '2,000 connections to the proxy that say half',
    port: 3128,
    count: 2000,
    held: 900,
    pieces: pieces('CONNECT '),
  },
]

const asking: EgressCase = {
  title: '',
  id: 'asking',
  attack: 'egress-say',
  args: { name: allowedName, port: 8080, pieces: pieces(request(`/${tokenOf('asking')}`)) },
}

/** What one sandbox does with its network is not felt by another, and what is lost outside opens nothing. */
export function attackUnderPressure(driver: string): void {
  for (const runner of runners()) {
    describe(`under pressure, started by ${runner.name}`, () => {
      let world: World
      let attacker: string
      const boxes: Box[] = []
      before(async () => {
        world = await startWorld(attacksBinary(runner), zone)
        attacker = attackerOf(runner)
      })
      after(async () => {
        for (const box of boxes) box.child.kill('SIGKILL')
        await world.end()
      })
      const open = (cases: readonly EgressCase[], more: readonly string[] = []): Box => {
        const flags = [...flagsOf(policy, driver), ...more]
        const box = openBox({ world, runner, attacker, words: wordsOf(cases), flags })
        boxes.push(box)
        return box
      }
      floodTests(open)
      lossTests(open, () => world, runner)
    })
  }
}

type Open = (cases: readonly EgressCase[], more?: readonly string[]) => Box

/** So many requests of another sandbox are made while one floods, at least. */
const meanwhile = 20
const tries = 10

function floodTests(open: Open): void {
  for (const flood of floods) {
    test(`${flood.what} do not disturb another sandbox`, async (t) => {
      // A request takes some milliseconds; a machine of two processors that is flooded from inside has others to serve too. What else runs
      // on it only makes one longer: a flood that is felt is felt each time.
      const longest: number[] = []
      while (longest.length < 3 && (longest.at(-1) ?? Infinity) >= 2000) {
        const { said, times } = await floodBeside(open, flood)
        longest.push(Math.max(...times))
        t.diagnostic(`${said}; another's ${times.length} requests took at most ${longest.at(-1)?.toFixed()} ms`)
      }
      assert.ok((longest.at(-1) ?? Infinity) < 2000, `one took ${longest.map((ms) => ms.toFixed()).join(', ')} ms`)
    })
  }
}

/** One sandbox floods its network while another one asks for something again and again: in how many ms it has each answer. */
async function floodBeside(open: Open, { how, ...args }: Flood): Promise<{ said: string; times: number[] }> {
  const to = args.port === 3128 ? { host: '198.18.0.2' } : { name: allowedName }
  const flood = { title: '', id: 'flood', attack: 'egress-flood', args: { ...to, ...args, how, seconds: 120 } }
  const [bad, good] = [
    open([flood, ...Array.from({ length: tries }, () => asking)], ['--open-files', '1024']),
    open(Array.from({ length: 5000 }, () => asking)),
  ]
  await good.step()
  const over = new AbortController()
  const flooding = bad.step().finally(() => over.abort())
  const times: number[] = []
  while (!over.signal.aborted || times.length < meanwhile) {
    const begun = performance.now()
    const { effect, calls } = await good.step()
    times.push(performance.now() - begun)
    assert.match(effect, /^reached/, JSON.stringify(calls))
  }
  const report = await flooding
  assert.ok(report.attempted, JSON.stringify(report))
  // Its own network has what it left behind to get rid of first: some seconds, by the patience of the attacker.
  const after: Report[] = []
  while (after.length < tries && !after.at(-1)?.effect.startsWith('reached')) after.push(await bad.step())
  assert.match(after.at(-1)?.effect ?? '', /^reached/, `its own network did not recover: ${JSON.stringify(after)}`)
  for (const box of [bad, good]) box.child.kill('SIGTERM')
  return { said: report.calls.at(-1)?.[0] ?? '', times }
}

function lossTests(open: Open, world: () => World, runner: Runner): void {
  test('when the relay is killed, connections end, and no new one leads anywhere', async () => {
    const id = 'relay-killed'
    const box = open([
      {
        title: '',
        id,
        attack: 'egress-across',
        args: { name: allowedName, port: 8080, pieces: pieces(request(`/${tokenOf(id)}`)) },
      },
    ])
    const holds = (await box.step()) as unknown as { holds?: number }
    assert.equal(holds.holds, 1, JSON.stringify(holds))
    await world().forget()
    const relay = await eventually(() => relayBelow(box.child.pid ?? -1))
    process.kill(relay, 'SIGKILL')
    await eventually(() => (isRunning(relay) ? undefined : true))
    const report = await box.step()
    assert.ok(report.attempted && report.reason === null, JSON.stringify(report))
    assert.equal(report.effect, 'none', JSON.stringify(report.calls))
    const passed = await world().passed()
    assert.deepEqual(
      passed.filter(({ tokens }) => tokens.length > 0),
      [],
    )
    assert.equal(passed.find(({ to }) => to === server4)?.bytes ?? 0, 0)
    box.child.kill('SIGTERM')
  })

  test('the socket on which the host waits for the relay cannot be connected to from inside', async () => {
    const box = open([{ title: '', id: 'link', attack: 'egress-socket-files', args: {} }])
    const pattern = path.join(runner.env['XDG_RUNTIME_DIR'] ?? '', 'glovebox/sandboxes-*/*/egress')
    const made = await eventually(() => {
      const found = globSync(pattern)
      return found.length > 0 && relayBelow(box.child.pid ?? -1) !== undefined ? found : undefined
    })
    const line = box.step()
    ;(box.child.stdin as Writable).write(`${made.join(',')}\n`)
    const report = await line
    assert.ok(report.attempted, JSON.stringify(report))
    assert.equal(report.effect, 'none', JSON.stringify(report.calls))
    await box.end()
  })
}

/** The relay of the sandbox that this process owns. */
function relayBelow(owner: number): number | undefined {
  const about = globSync('/proc/[0-9]*/stat').flatMap((file) => {
    const [, pid, name, parent] = /^(\d+) \((.*)\) \S (\d+)/s.exec(read(file)) ?? []
    return pid === undefined ? [] : [{ pid: Number(pid), name, parent: Number(parent) }]
  })
  const parents = new Map(about.map(({ pid, parent }) => [pid, parent]))
  const isBelow = (pid: number): boolean => pid === owner || (pid > 1 && isBelow(parents.get(pid) ?? 0))
  return about.find(({ pid, name }) => name === 'glovebox-relay' && isBelow(pid))?.pid
}

/** Neither gone nor waiting to be asked how it ended (proc_pid_stat(5)). */
function isRunning(pid: number): boolean {
  return /^\d+ \(.*\) [^ZX]/s.test(read(`/proc/${pid}/stat`))
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return ''
    throw error
  }
}
