import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { places as placesOf, type Places } from '../../system/places.ts'
import { processState } from '../../system/process-state.ts'
import { findRunning } from './find.ts'
import { listRunning } from './list.ts'
import { parseRecord } from './record.ts'
import { register } from './register.ts'
import { requireRunning } from './require.ts'
import { registryOf } from './registry.ts'

function placesFor(t: TestContext, name: string = 'glovebox-running-'): Places {
  const home = fs.mkdtempSync(path.join(tmpdir(), name))
  t.after(() => fs.rmSync(home, { recursive: true, force: true }))
  return placesOf({ GLOVEBOX_HOME: path.join(home, 'home') })
}

const about = { server: 'files', driver: 'jail', plan: 'ab'.repeat(32), command: ['node', 'x.js'], published: [] }

const below = (places: Places): string => registryOf(places)

test('A sandbox is found by its name, its id, and the beginning of that, for as long as it runs', (t) => {
  const places = placesFor(t)
  const registered = register(places, 'gbx-0123456789ab')
  assert.deepEqual(listRunning(places), [], 'not before it says who it is')
  registered.announce(about)
  for (const name of ['files', 'gbx-0123456789ab', 'gbx-012345'])
    assert.equal(findRunning(name, places).id, 'gbx-0123456789ab')
  assert.equal(registered.socket, path.join(below(places), `gbx-0123456789ab.${process.pid}`, 'channel'))
  registered.remove()
  registered.remove()
  assert.deepEqual(fs.readdirSync(below(places)), [])
  assert.throws(() => findRunning('files', places), { code: 'USAGE', fix: /none is running at all/ })
})

test('A configured server that does not run is answered with how it is started', async (t) => {
  const home = fs.mkdtempSync(path.join(tmpdir(), 'glovebox-running-'))
  t.after(() => fs.rmSync(home, { recursive: true, force: true }))
  const env = { GLOVEBOX_HOME: home }
  const { config } = placesOf(env)
  fs.mkdirSync(config, { recursive: true })
  fs.writeFileSync(path.join(config, 'glovebox.json'), '{"mcpServers": {"notes": {"command": "node"}}}')
  const code = 'USAGE'
  const message = 'no sandbox named "notes" is running'
  await assert.rejects(requireRunning('notes', env), {
    code,
    message,
    fix: 'it is a configured server: glovebox launch notes starts it',
  })
  await assert.rejects(requireRunning('other', env), { code, fix: /none is running at all/ })
  const places = placesOf(env)
  for (const id of ['gbx-aaaaaaaaaaaa', 'gbx-bbbbbbbbbbbb']) {
    register(places, id).announce({ ...about, server: 'notes' })
  }
  await assert.rejects(requireRunning('notes', env), { code, message: '2 sandboxes run that "notes" could mean' })
  assert.equal((await requireRunning('gbx-aaaaaaaaaaaa', env)).server, 'notes')
})

test('Spares of a pool are no answer to a name, and nobody is sent to them', (t) => {
  const places = placesFor(t)
  register(places, 'gbx-aaaaaaaaaaaa').announce({ ...about, spare: true })
  assert.throws(() => findRunning('files', places), { fix: /spares of a pool/ })
  register(places, 'gbx-bbbbbbbbbbbb').announce({ ...about, server: 'git' })
  assert.throws(() => findRunning('files', places), { fix: 'running now: git (glovebox status)' })
})

test('How long its inside may be silent is found with it, and nonsense is no record', (t) => {
  const places = placesFor(t)
  register(places, 'gbx-aaaaaaaaaaaa').announce({ ...about, silenceMs: 20_000 })
  const found = findRunning('files', places)
  assert.equal(found.silenceMs, 20_000)
  assert.equal(parseRecord(JSON.stringify({ ...found, silenceMs: 'long' })), undefined)
})

test('One name for several is an error with their ids; a name for none says what runs', (t) => {
  const places = placesFor(t)
  for (const [id, server] of [
    ['gbx-aaaaaaaaaaaa', 'files'],
    ['gbx-bbbbbbbbbbbb', 'files'],
    ['gbx-cccccccccccc', 'git'],
  ]) {
    register(places, id ?? '').announce({ ...about, server: server ?? '' })
  }
  assert.throws(() => findRunning('files', places), { code: 'USAGE', fix: /gbx-aaaaaaaaaaaa.*gbx-bbbbbbbbbbbb/ })
  assert.throws(() => findRunning('gbx-', places), { code: 'USAGE' })
  assert.throws(() => findRunning('fils', places), { fix: 'did you mean "files"?' })
  assert.throws(() => findRunning('somethingelse', places), { fix: /running now: files, git/ })
  assert.equal(findRunning('git', places).id, 'gbx-cccccccccccc')
})

test('The place is for this user alone, and another one’s is refused', (t) => {
  const places = placesFor(t)
  fs.mkdirSync(below(places), { recursive: true, mode: 0o755 })
  fs.chmodSync(places.runtime, 0o777)
  register(places, 'gbx-aaaaaaaaaaaa').announce(about)
  assert.equal(listRunning(places).length, 1)
  for (const directory of [
    places.runtime,
    below(places),
    path.join(below(places), `gbx-aaaaaaaaaaaa.${process.pid}`),
  ]) {
    assert.equal(fs.statSync(directory).mode & 0o777, 0o700, directory)
  }
  const elsewhere = placesFor(t)
  fs.mkdirSync(path.dirname(elsewhere.runtime), { recursive: true })
  fs.symlinkSync(places.runtime, elsewhere.runtime)
  assert.throws(() => listRunning(elsewhere), { code: 'REFUSED' })
})

test('Nothing is made behind a link that somebody has put in the place, and the sandbox is told to be unfindable', (t) => {
  const places = placesFor(t)
  const target = path.join(path.dirname(places.runtime), 'target')
  fs.mkdirSync(target, { recursive: true })
  fs.mkdirSync(places.runtime, { mode: 0o700 })
  fs.symlinkSync(target, below(places))
  const told = t.mock.method(process.stderr, 'write', () => true)
  const registered = register(places, 'gbx-aaaaaaaaaaaa')
  told.mock.restore()
  assert.match(String(told.mock.calls[0]?.arguments[0]), /cannot be found.*is not a directory of this user/)
  assert.equal(registered.socket, undefined)
  registered.announce(about)
  registered.remove()
  assert.deepEqual(fs.readdirSync(target), [])
})

test('A place whose path is too long for a socket gives a sandbox without a channel, not a failure', (t) => {
  const places = placesFor(t, `glovebox-${'x'.repeat(100)}-`)
  const registered = register(places, 'gbx-aaaaaaaaaaaa')
  assert.equal(registered.socket, undefined)
  registered.announce(about)
  assert.equal(findRunning('files', places).socket, null)
  registered.remove()
})

test('What a killed process left is removed by whoever looks next; what starts right now is left alone', async (t) => {
  const places = placesFor(t)
  fs.mkdirSync(below(places), { recursive: true, mode: 0o700 })
  const child = spawn('sleep', ['1000'])
  const dead = `gbx-dddddddddddd.${child.pid}`
  child.kill('SIGKILL')
  await once(child, 'exit')
  const make = (name: string, record?: object): void => {
    fs.mkdirSync(path.join(below(places), name), { mode: 0o700 })
    if (record) fs.writeFileSync(path.join(below(places), name, 'sandbox.json'), JSON.stringify(record))
  }
  const record = { schema: 'glovebox/sandbox/1', ...about, startedMs: 1, socket: null }
  make(dead)
  make(`gbx-eeeeeeeeeeee.${process.pid}`)
  make('gbx-ffffffffffff.1', { ...record, id: 'gbx-ffffffffffff', pid: process.pid, begun: '1' }) // a number used again
  make('noise')
  fs.writeFileSync(path.join(below(places), 'gbx-file'), '')
  make(`gbx-gggggggggggg.${process.pid}`, {
    ...record,
    id: 'gbx-gggggggggggg',
    pid: process.pid,
    begun: processState(process.pid)?.begun,
  })
  assert.deepEqual(
    listRunning(places).map(({ id }) => id),
    ['gbx-gggggggggggg'],
  )
  const left = fs.readdirSync(below(places)).sort()
  assert.deepEqual(left, [`gbx-eeeeeeeeeeee.${process.pid}`, `gbx-gggggggggggg.${process.pid}`])
  const old = new Date(Date.now() - 120_000)
  fs.utimesSync(path.join(below(places), left[0] ?? ''), old, old)
  listRunning(places)
  assert.equal(fs.readdirSync(below(places)).length, 1)
})

test('What is no record is none', () => {
  const record = { schema: 'glovebox/sandbox/1', id: 'a', ...about, pid: 1, begun: '1', startedMs: 1, socket: '/s' }
  assert.ok(parseRecord(JSON.stringify(record)))
  for (const wrong of [
    { schema: 'x' },
    { id: 1 },
    { pid: '1' },
    { command: 'x' },
    { command: [1] },
    { socket: 1 },
    { startedMs: 1.5 },
  ]) {
    assert.equal(parseRecord(JSON.stringify({ ...record, ...wrong })), undefined, JSON.stringify(wrong))
  }
  for (const text of ['', '{', 'null', '[]', '1']) assert.equal(parseRecord(text), undefined)
})

test('A process is told from a later one with its number, and one that has ended from one that runs', async () => {
  assert.match(processState(process.pid)?.begun ?? '', /^\d+$/)
  assert.equal(processState(2 ** 22 + 1), undefined)
})

test('A sandbox of another pid namespace is neither shown nor taken for dead', (t) => {
  const places = placesFor(t)
  const elsewhere = path.join(registryOf(places, 1), 'gbx-ffffffffffff.1')
  fs.mkdirSync(elsewhere, { recursive: true })
  assert.deepEqual(listRunning(places), [])
  assert.ok(fs.existsSync(elsewhere))
})
