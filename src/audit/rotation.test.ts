import assert from 'node:assert/strict'
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { call, withDirectory } from '../../test/support/record.ts'
import { openAudit } from './audit-log.ts'
import { listFiles } from './files.ts'
import { readHeads } from './heads.ts'
import { createReader } from './reader.ts'
import { rotationFrom } from './rotation.ts'
import { verifyAudit } from './verify-report.ts'
import { verifyDirectory, verifyOne, type ChainReport } from './verify.ts'
import { styleFor } from '../ui/style.ts'

const hour = 3_600_000

/** A closed record of 20 events in files of about four each, at ten minutes an event. */
function rotated(directory: string, sandbox: string = 'gbx-1'): string[] {
  let time = Date.UTC(2026, 0, 1)
  const log = openAudit({
    directory,
    sandbox,
    server: 'files',
    now: () => (time += hour / 6),
    rotation: { bytes: 2000, ageMs: 1000 * hour },
  })
  for (let index = 1; index <= 20; index++) log.record(call(index))
  log.close()
  return listFiles(directory)
}

const tampered = (reports: readonly ChainReport[]): ChainReport[] => reports.filter(({ state }) => state === 'tampered')

test('a record goes on in the next file when one is full, and its chain with it', () => {
  withDirectory((directory) => {
    const files = rotated(directory)
    assert.ok(files.length >= 4)
    assert.deepEqual(
      files,
      ['gbx-1.jsonl', ...files.slice(1).map((_, index) => `gbx-1.${index + 1}.jsonl`)].map((name) =>
        join(directory, name),
      ),
    )
    for (const file of files) {
      assert.ok(statSync(file).size < 3000, file)
      assert.equal(statSync(file).mode & 0o777, 0o600)
    }
    const reports = verifyDirectory(directory)
    assert.deepEqual(
      reports.map(({ state }) => state),
      files.map(() => 'ok'),
    )
    assert.equal(
      reports.reduce((sum, { events }) => sum + events, 0),
      20,
    )
    const events = files.flatMap((file) =>
      readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    )
    assert.deepEqual(
      events.map((event) => event.metadata.sequence),
      Array.from({ length: 20 }, (_, index) => index + 1),
    )
    for (const [index, event] of events.entries())
      if (index > 0) assert.equal(event.unmapped.prev, events[index - 1].unmapped.hash)
  })
})

test('a record goes on in the next file when its first event is too old', () => {
  withDirectory((directory) => {
    let time = 0
    const log = openAudit({
      directory,
      sandbox: 'gbx-1',
      server: 's',
      now: () => time,
      rotation: { bytes: 2 ** 30, ageMs: hour },
    })
    for (const at of [0, hour - 1, hour, 2 * hour - 1, 3 * hour]) {
      time = at
      log.record(call(at))
    }
    log.close()
    assert.deepEqual(
      verifyDirectory(directory).map(({ segment, events, state }) => [segment, events, state]),
      [
        [0, 2, 'ok'],
        [1, 2, 'ok'],
        [2, 1, 'ok'],
      ],
    )
  })
})

test('each file has a head of its own, which says whether the chain goes on', () => {
  withDirectory((directory) => {
    const files = rotated(directory)
    const heads = [...readHeads(directory).values()].toSorted((a, b) => a.segment - b.segment)
    assert.deepEqual(
      heads.map(({ continued }) => continued),
      files.map((_, index) => index < files.length - 1),
    )
    assert.ok(heads.every(({ closed }) => closed))
    assert.equal(heads.at(-1)?.events, 20)
  })
})

test('a file that is taken out of the middle, or off the end, shows', () => {
  withDirectory((directory) => {
    const files = rotated(directory)
    const [first = '', second = ''] = files
    const last = files.at(-1) ?? ''
    const kept = join(directory, 'kept')
    mkdirSync(kept)
    for (const [file, what] of [
      [first, /the file is gone/],
      [second, /the file is gone/],
      [last, /the file is gone/],
    ] as const) {
      const text = readFileSync(file)
      rmSync(file)
      const found = tampered(verifyDirectory(directory))
      assert.deepEqual(
        found.map((report) => report.file),
        [file],
        'the others are whole',
      )
      assert.match(found[0]?.problem?.what ?? '', what)
      writeFileSync(file, text)
    }
    assert.deepEqual(tampered(verifyDirectory(directory)), [])
  })
})

test('a last file that never had a head is missed too', () => {
  withDirectory((directory) => {
    const log = openAudit({ directory, sandbox: 'gbx-1', server: 's', rotation: { bytes: 1, ageMs: hour } })
    log.record(call(1))
    log.record(call(2))
    // The owner is killed: the second file has no head yet.
    assert.deepEqual(
      [...readHeads(directory).values()].map(({ segment, continued }) => [segment, continued]),
      [[0, true]],
    )
    assert.deepEqual(
      verifyDirectory(directory).map(({ state }) => state),
      ['ok', 'unrecorded'],
    )
    rmSync(log.path)
    const [, gone] = verifyDirectory(directory)
    assert.deepEqual([gone?.state, gone?.problem?.what], ['tampered', 'the file is gone'])
    writeFileSync(log.path, '')
    assert.deepEqual(tampered(verifyDirectory(directory)), [])
    log.close()
  })
})

test('files that are exchanged, repeated or cut off show, with the line in the file', () => {
  withDirectory((directory) => {
    const files = rotated(directory)
    const [, second = '', third = ''] = files
    const [before, after] = [readFileSync(second), readFileSync(third)]
    writeFileSync(second, after)
    writeFileSync(third, before)
    assert.deepEqual(
      tampered(verifyDirectory(directory)).map(({ file, problem }) => [file, problem?.line]),
      [
        [second, 1],
        [third, 1],
      ],
    )
    writeFileSync(third, after)
    copyFileSync(third, second)
    assert.deepEqual(
      tampered(verifyDirectory(directory)).map(({ file }) => file),
      [second],
    )
    writeFileSync(second, before)
    truncateSync(second, statSync(second).size - 10)
    const [cut] = tampered(verifyDirectory(directory))
    assert.deepEqual([cut?.file, cut?.problem?.what], [second, 'the end is cut off'])
    assert.ok((cut?.problem?.line ?? 99) <= 5)
  })
})

test('one file of many can be checked alone, and a copy of it elsewhere', () => {
  withDirectory((directory) => {
    const [, second = ''] = rotated(directory)
    assert.equal(verifyOne(second, directory)?.state, 'ok')
    const copy = join(directory, 'copy')
    mkdirSync(copy)
    copyFileSync(second, join(copy, 'gbx-1.1.jsonl'))
    assert.equal(verifyOne(join(copy, 'gbx-1.1.jsonl'), directory)?.state, 'ok')
  })
})

test('audit verify takes all files of a sandbox by its id', () => {
  withDirectory((directory) => {
    const files = rotated(directory)
    rotated(directory, 'gbx-2')
    const { text } = verifyAudit({ directory, target: 'gbx-1', json: false, style: styleFor({}, {}) })
    assert.equal(text.match(/^ok /gm)?.length, files.length)
    assert.match(text, /gbx-1\.2\b/)
    assert.doesNotMatch(text, /gbx-2/)
  })
})

test('the newest events come out of the newest files', () => {
  withDirectory((directory) => {
    rotated(directory)
    const ids = createReader(directory, 'files')
      .last(7)
      .map(({ event }) => JSON.stringify(event?.['metadata']))
      .map((text) => Number(/"sequence":(\d+)/.exec(text)?.[1]))
    assert.deepEqual(ids, [14, 15, 16, 17, 18, 19, 20])
  })
})

test('when the next file cannot be begun the event is refused, and the record goes on where it was', () => {
  withDirectory((directory) => {
    const log = openAudit({ directory, sandbox: 'gbx-1', server: 's', rotation: { bytes: 1, ageMs: hour } })
    log.record(call(1))
    const blocker = join(directory, 'gbx-1.1.jsonl')
    writeFileSync(blocker, 'in the way')
    assert.throws(() => log.record(call(2)), /AUDIT_UNWRITABLE|cannot be written/)
    rmSync(blocker)
    log.record(call(2))
    log.close()
    assert.deepEqual(
      verifyDirectory(directory).map(({ events, state }) => [events, state]),
      [
        [1, 'ok'],
        [1, 'ok'],
      ],
    )
    assert.match(readFileSync(log.path, 'utf8'), /"unwritten":1/)
    assert.equal(readdirSync(directory).filter((name) => name.endsWith('.jsonl')).length, 2)
  })
})

test('size and age of a file are said by the environment, and nonsense is refused', () => {
  assert.deepEqual(rotationFrom({}), { bytes: 64 * 1024 ** 2, ageMs: 168 * hour })
  assert.deepEqual(rotationFrom({ GLOVEBOX_AUDIT_SIZE: '1G', GLOVEBOX_AUDIT_AGE: '24h' }), {
    bytes: 1024 ** 3,
    ageMs: 24 * hour,
  })
  assert.throws(() => rotationFrom({ GLOVEBOX_AUDIT_SIZE: 'big' }), /GLOVEBOX_AUDIT_SIZE: "big"/)
  assert.throws(() => rotationFrom({ GLOVEBOX_AUDIT_AGE: 'old' }), /GLOVEBOX_AUDIT_AGE: "old"/)
})
