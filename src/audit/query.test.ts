import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { withDirectory } from '../../test/support/record.ts'
import type { ActivityFact, Fact } from '../protocol/facts.ts'
import { openAudit } from './audit-log.ts'
import { indexPath } from './index/database.ts'
import { isAsked, queryRecord, type Answer, type Question } from './query.ts'
import { readLines } from './lines.ts'
import { listFiles } from './files.ts'
import { toEntry } from './reader.ts'
import { term } from './terms.ts'

const hour = 3_600_000
const everything: Question = { since: -Infinity, until: Infinity, terms: [] }

function ask(directory: string, question: Partial<Question> = {}, limit: number = Infinity): Answer {
  return queryRecord(directory, { ...everything, ...question }, { limit, onProgress: () => undefined })
}

const idsOf = ({ entries }: Answer): number[] =>
  entries.map(({ text }) => Number(/"request":\{"uid":"(\d+)"/.exec(text)?.[1] ?? /exec \/bin\/p(\d+)/.exec(text)?.[1]))

const called = (id: number, tool: string = 'read_file', verdict: 'allowed' | 'denied' = 'allowed'): Fact => ({
  fact: 'message',
  direction: 'client-to-server',
  method: 'tools/call',
  tool,
  id: String(id),
  bytes: 1,
  argumentsSha256: undefined,
  verdict,
  rule: 'tools.allow',
})

const activity = (more: Partial<ActivityFact['activity']>): Fact => ({
  fact: 'activity',
  activity: {
    kind: 'connect',
    pid: 1,
    program: '/usr/bin/curl',
    verdict: 'denied',
    rule: 'r',
    ...more,
  },
})

/** A record whose events are an hour apart, from time 0. */
function write(
  directory: string,
  sandbox: string,
  server: string,
  facts: readonly Fact[],
  { gapMs = hour, start = 0, fileBytes = 4000 }: { gapMs?: number; start?: number; fileBytes?: number } = {},
): void {
  let time = start - gapMs
  const log = openAudit({
    directory,
    sandbox,
    server,
    now: () => (time += gapMs),
    rotation: { bytes: fileBytes, ageMs: Infinity },
  })
  for (const fact of facts) log.record(fact)
  log.close()
}

test('events are found by each of their fields, and by several at once', () => {
  withDirectory((directory) => {
    write(directory, 'gbx-1', 'files', [
      called(1),
      called(2, 'write_file', 'denied'),
      activity({ address: '203.0.113.7:443' }),
      activity({ address: '[2001:db8::1]:53', kind: 'send', verdict: 'recorded' }),
      activity({ kind: 'exec', path: '/bin/p5', program: '/bin/sh', verdict: 'recorded' }),
    ])
    write(directory, 'gbx-2', 'web', [called(7)])
    const count = (...terms: string[]): number => ask(directory, { terms }).entries.length
    assert.equal(count(), 6)
    assert.equal(count(term('server', 'files')), 5)
    assert.equal(count(term('sandbox', 'gbx-2')), 1)
    assert.equal(count(term('kind', 'message')), 3)
    assert.equal(count(term('verdict', 'denied')), 2)
    assert.equal(count(term('tool', 'read_file')), 2)
    assert.equal(count(term('program', '/usr/bin/curl')), 2)
    assert.equal(count(term('program', 'curl')), 2)
    assert.equal(count(term('program', 'p5')), 1, 'what was executed')
    assert.equal(count(term('address', '203.0.113.7')), 1)
    assert.equal(count(term('address', '203.0.113.7:443')), 1)
    assert.equal(count(term('address', '203.0.113.7:80')), 0)
    assert.equal(count(term('address', '[2001:db8::1]:53')), 1)
    assert.equal(count(term('server', 'files'), term('kind', 'message'), term('verdict', 'denied')), 1)
    assert.equal(count(term('server', 'web'), term('verdict', 'denied')), 0)
    assert.equal(count(term('server', 'absent')), 0)
  })
})

test('events are found by time, both ends included, across the files of a record', () => {
  withDirectory((directory) => {
    write(
      directory,
      'gbx-1',
      's',
      Array.from({ length: 50 }, (_, index) => called(index)),
    )
    assert.ok(listFiles(directory).length > 3)
    assert.deepEqual(idsOf(ask(directory, { since: 10 * hour, until: 13 * hour })), [10, 11, 12, 13])
    assert.deepEqual(idsOf(ask(directory, { since: 47.5 * hour })), [48, 49])
    assert.deepEqual(idsOf(ask(directory, { until: hour - 1 })), [0])
    assert.deepEqual(idsOf(ask(directory, { since: 20.1 * hour, until: 20.9 * hour })), [])
  })
})

test('the newest are shown, in the order of their time, and that there are more is told', () => {
  withDirectory((directory) => {
    for (const offset of [0, 1, 2]) {
      const facts = Array.from({ length: 10 }, (_, index) => called(index * 3 + offset))
      write(directory, `gbx-${offset}`, 's', facts, { gapMs: 3 * hour, start: offset * hour })
    }
    const { more, ...answer } = ask(directory, {}, 7)
    assert.deepEqual(idsOf({ more, ...answer }), [23, 24, 25, 26, 27, 28, 29])
    assert.equal(more, true)
    assert.equal(ask(directory, {}, 30).more, false)
    assert.equal(ask(directory, {}, 29).more, true)
  })
})

test('what was added since is found, and nothing is found twice', () => {
  withDirectory((directory) => {
    const log = openAudit({ directory, sandbox: 'gbx-1', server: 's' })
    for (let id = 0; id < 600; id++) {
      log.record(called(id))
      if (id % 97 === 0) assert.equal(ask(directory).entries.length, id + 1)
    }
    assert.deepEqual(
      idsOf(ask(directory)),
      Array.from({ length: 600 }, (_, index) => index),
    )
    log.close()
  })
})

test('an index that is lost, damaged or of another version is made anew from the lines', () => {
  withDirectory((directory) => {
    write(directory, 'gbx-1', 's', [called(1), called(2)])
    const wanted = idsOf(ask(directory))
    assert.equal(statSync(indexPath(directory)).mode & 0o777, 0o600)
    rmSync(indexPath(directory))
    assert.deepEqual(idsOf(ask(directory)), wanted)
    writeFileSync(indexPath(directory), 'no database at all, but long enough to be looked at'.repeat(100))
    assert.deepEqual(idsOf(ask(directory)), wanted)
    truncateSync(indexPath(directory), 5000)
    assert.deepEqual(idsOf(ask(directory)), wanted)
    const database = new (process.getBuiltinModule('node:sqlite').DatabaseSync)(indexPath(directory))
    database.exec('PRAGMA user_version = 99')
    database.close()
    assert.deepEqual(idsOf(ask(directory)), wanted)
  })
})

test('files that are gone, cut off or written anew are no more what was indexed', () => {
  withDirectory((directory) => {
    write(directory, 'gbx-1', 's', [called(1), called(2)])
    write(directory, 'gbx-2', 's', [called(3)])
    assert.equal(ask(directory).entries.length, 3)
    const [file = '', other = ''] = listFiles(directory)
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, `${text.split('\n')[0]}\n`)
    assert.equal(ask(directory).entries.length, 2)
    writeFileSync(file, text)
    assert.equal(ask(directory).entries.length, 3)
    writeFileSync(file, text.replaceAll('read_file', 'make_file'))
    assert.equal(ask(directory, { terms: [term('tool', 'make_file')] }).entries.length, 2)
    rmSync(other)
    assert.deepEqual(idsOf(ask(directory)), [1, 2])
  })
})

test('a torn end is not yet an event, and lines that are none of ours do no harm', () => {
  withDirectory((directory) => {
    write(directory, 'gbx-1', 's', [called(1)])
    const [file = ''] = listFiles(directory)
    appendFileSync(
      file,
      '{"time":1e300,"metadata":7}\nnot json\n[]\n{"time":"x","resources":[null,{"type":"tool","name":5}]}\n{"time":5,"torn',
    )
    assert.equal(ask(directory).entries.length, 5)
    assert.equal(ask(directory, { terms: [term('kind', 'unreadable')] }).entries.length, 1)
    assert.deepEqual(idsOf(ask(directory, { since: 0, until: 1 })), [1])
  })
})

test('several processes may ask at once while one writes, and each answer is whole', async () => {
  await withDirectory(async (directory) => {
    const facts = Array.from({ length: 3000 }, (_, index) => called(index))
    write(directory, 'gbx-1', 's', facts, { gapMs: 1000, fileBytes: 2 ** 20 })
    const program = `
      import { queryRecord } from ${JSON.stringify(join(import.meta.dirname, 'query.ts'))}
      const question = { since: -Infinity, until: Infinity, terms: [] }
      const { entries } = queryRecord(${JSON.stringify(directory)}, question, { limit: Infinity, onProgress: () => undefined })
      process.stdout.write(String(entries.length))`
    const children = Array.from({ length: 4 }, async () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let text = ''
      child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
      await once(child, 'close')
      return text
    })
    assert.deepEqual(await Promise.all(children), ['3000', '3000', '3000', '3000'])
  })
})

test('the index answers what reading every line answers, whatever is asked', () => {
  const tool = fc.constantFrom('a', 'b', 'c')
  const event = fc.record({
    tool,
    verdict: fc.constantFrom<'allowed' | 'denied'>('allowed', 'denied'),
    gap: fc.constantFrom(0, 1, 1000, hour, -5000),
  })
  const records = fc.array(fc.array(event, { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 3 })
  const terms = fc.subarray([
    term('tool', 'a'),
    term('verdict', 'denied'),
    term('server', 's0'),
    term('kind', 'message'),
  ])
  const bound = fc.option(fc.integer({ min: -10_000, max: 40 * hour }), { nil: undefined })
  fc.assert(
    fc.property(records, terms, bound, bound, fc.constantFrom(1, 5, Infinity), (all, terms, since, until, limit) => {
      withDirectory((directory) => {
        for (const [index, events] of all.entries()) {
          let [time, at] = [0, 0]
          const log = openAudit({
            directory,
            sandbox: `gbx-${index}`,
            server: `s${index}`,
            now: () => time,
            rotation: { bytes: 3000, ageMs: Infinity },
          })
          for (const { tool, verdict, gap } of events) {
            time += gap
            log.record(called(at++, tool, verdict))
          }
          log.close()
        }
        const question: Question = { since: since ?? -Infinity, until: until ?? Infinity, terms }
        const slow = listFiles(directory)
          .flatMap((file) => [...readLines(file)].map(({ bytes }) => toEntry(bytes.toString())))
          .filter((entry) => isAsked(entry, question))
        const { entries, more } = ask(directory, question, limit)
        assert.equal(entries.length, Math.min(slow.length, limit))
        assert.equal(more, slow.length > limit)
        const times = (found: typeof slow): unknown[] =>
          found.map((entry) => entry.event?.['time'] as number).toSorted((a, b) => a - b)
        assert.deepEqual(times([...entries]), times(slow).slice(-entries.length || Infinity))
        const texts = new Set(slow.map(({ text }) => text))
        assert.ok(entries.every(({ text }) => texts.has(text)))
      })
    }),
    { numRuns: 60 },
  )
})

test('the index is a small part of the record', () => {
  withDirectory((directory) => {
    write(
      directory,
      'gbx-1',
      's',
      Array.from({ length: 20_000 }, (_, index) => called(index)),
      { gapMs: 10, fileBytes: 2 ** 30 },
    )
    ask(directory)
    const lines = listFiles(directory).reduce((sum, file) => sum + statSync(file).size, 0)
    assert.ok(existsSync(indexPath(directory)))
    assert.ok(statSync(indexPath(directory)).size < lines / 20, `${statSync(indexPath(directory)).size} of ${lines}`)
  })
})
