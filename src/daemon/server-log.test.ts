import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { createServerLog } from './server-log.ts'

test('a log keeps the last of it in memory and two files of a bounded size', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-log-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = path.join(directory, 'below', 'files.log')
  const log = createServerLog(file, assert.fail)
  const line = Buffer.from(`${'x'.repeat(1023)}\n`)
  for (let times = 0; times < 9 * 1024; times++) log.write(line)
  log.write(Buffer.from('the last\n'))
  const tail = log.tail()
  assert.ok(tail.length <= 256 * 1024 && tail.length > 200 * 1024)
  assert.ok(tail.toString().endsWith('x\nthe last\n'))
  assert.ok(readFileSync(file, 'utf8').endsWith('the last\n'))
  assert.ok(statSync(file).size <= 4 * 1024 ** 2 && statSync(`${file}.1`).size === 4 * 1024 ** 2)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.ok(!existsSync(`${file}.2`))
  log.close()
})

test('who follows gets what comes, and is told the end', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-log-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const log = createServerLog(path.join(directory, 'files.log'), assert.fail)
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
  const log = createServerLog(path.join(directory, 'file', 'x.log'), (text) => told.push(text))
  log.write(Buffer.from('kept'))
  assert.equal(log.tail().toString(), 'kept')
  assert.equal(told.length, 1)
  log.close()
})
