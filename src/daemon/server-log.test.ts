import assert from 'node:assert/strict'
import fs, { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { createLogFiles } from './log-file.ts'
import { createServerLog } from './server-log.ts'

test('a log keeps the last of it in memory and two files of a bounded size', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-log-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = path.join(directory, 'below', 'files.log')
  const log = createServerLog(createLogFiles().open(file, assert.fail))
  const line = Buffer.from(`${'x'.repeat(1023)}\n`)
  for (let times = 0; times < 9 * 1024; times++) log.write(line)
  log.write(Buffer.from('the last\n'))
  const tail = log.tail()
  assert.ok(tail.length <= 256 * 1024 && tail.length > 200 * 1024)
  assert.ok(tail.toString().endsWith('x\nthe last\n'))
  log.close()
  assert.ok(readFileSync(file, 'utf8').endsWith('the last\n'))
  assert.ok(statSync(file).size <= 4 * 1024 ** 2 && statSync(`${file}.1`).size === 4 * 1024 ** 2)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.ok(!existsSync(`${file}.2`))
})

test('logs of one name share a file, and nothing of either is lost when it is full', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-log-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = path.join(directory, 'same.log')
  const files = createLogFiles()
  const [one, other] = [createServerLog(files.open(file, assert.fail)), createServerLog(files.open(file, assert.fail))]
  const line = (name: string, at: number): Buffer => Buffer.from(`${name} ${at} ${'x'.repeat(1000)}\n`)
  const count = 3000
  for (let at = 0; at < count; at++) {
    one.write(line('one', at))
    other.write(line('other', at))
  }
  one.close()
  other.write(Buffer.from('the last\n'))
  other.close()
  const all = readFileSync(`${file}.1`, 'utf8') + readFileSync(file, 'utf8')
  for (const name of ['one', 'other']) {
    assert.equal(all.match(new RegExp(`^${name} \\d+ `, 'gm'))?.length, count)
  }
  assert.ok(all.endsWith('the last\n'))
  assert.equal(statSync(`${file}.1`).size, 4 * 1024 ** 2)
  const again = createServerLog(files.open(file, assert.fail))
  again.write(Buffer.from('and on\n'))
  again.close()
  assert.ok(readFileSync(file, 'utf8').endsWith('the last\nand on\n'))
})

test('who writes byte by byte causes few writes and no objects that stay, and nothing of it is lost', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-log-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const write = t.mock.method(fs, 'writeSync')
  syncBuiltinESMExports()
  t.after(() => {
    write.mock.restore()
    syncBuiltinESMExports()
  })
  const file = path.join(directory, 'files.log')
  const log = createServerLog(createLogFiles().open(file, assert.fail))
  const seen: Buffer[] = []
  log.follow(
    (chunk) => seen.push(chunk),
    () => undefined,
  )
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 251))
  for (let at = 0; at < bytes.length; at++) log.write(bytes.subarray(at, at + 1))
  assert.ok(log.tail().equals(bytes.subarray(-256 * 1024)))
  log.close()
  assert.ok(readFileSync(file).equals(bytes))
  assert.ok(Buffer.concat(seen).equals(bytes))
  // Each write is one chunk for the followers: a few of 64 KiB, and what the clock let through.
  assert.ok(write.mock.callCount() < 100, `${write.mock.callCount()} writes`)
  assert.ok(seen.length < 100, `${seen.length} chunks`)
})

test('what comes after a silence is passed on at once, and the rest soon, in order', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-log-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const log = createServerLog(createLogFiles().open(path.join(directory, 'files.log'), assert.fail))
  const seen: string[] = []
  const follow = (): (() => void) =>
    log.follow(
      (chunk) => seen.push(chunk.toString()),
      () => undefined,
    )
  const stop = follow()
  for (const text of ['a', 'b', 'c']) log.write(Buffer.from(text))
  assert.deepEqual(seen, ['a'])
  t.mock.timers.tick(50)
  assert.deepEqual(seen, ['a', 'bc'])
  log.write(Buffer.from('d'))
  assert.deepEqual([log.tail().toString(), seen.join('')], ['abcd', 'abc'])
  stop()
  // They are given the tail, and what comes then: nothing twice.
  follow()
  log.write(Buffer.from('e'))
  t.mock.timers.tick(50)
  t.mock.timers.tick(50)
  log.write(Buffer.from('f'))
  assert.deepEqual(seen.slice(2), ['e', 'f'])
  log.close()
})

test('who follows gets what comes, and is told the end', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-log-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const log = createServerLog(createLogFiles().open(path.join(directory, 'files.log'), assert.fail))
  const seen: string[] = []
  const stop = log.follow(
    (chunk) => seen.push(chunk.toString()),
    () => seen.push('left'),
  )
  log.follow(
    (chunk) => seen.push(chunk.toString().toUpperCase()),
    () => seen.push('end'),
  )
  log.write(Buffer.from('a'))
  stop()
  log.write(Buffer.from('b'))
  log.close()
  assert.deepEqual(seen, ['a', 'A', 'B', 'end'])
})

test('a file that cannot be written is told, and costs the log no more than the file', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-log-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const told: string[] = []
  writeFileSync(path.join(directory, 'file'), '')
  const log = createServerLog(createLogFiles().open(path.join(directory, 'file', 'x.log'), (text) => told.push(text)))
  log.write(Buffer.from('kept'))
  assert.equal(log.tail().toString(), 'kept')
  assert.equal(told.length, 1)
  log.close()
})
