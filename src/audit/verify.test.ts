import assert from 'node:assert/strict'
import { appendFileSync, copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { call, withDirectory } from '../../test/support/record.ts'
import { openAudit } from './audit-log.ts'
import { genesis, seal } from './chain.ts'
import type { ChainReport } from './verify.ts'
import { verifyDirectory, verifyOne } from './verify.ts'

const sandbox = 'gbx-1'

/** A closed record of `events` events, and the path of its file. */
function record(directory: string, events: number, id = sandbox): string {
  const log = openAudit({ directory, sandbox: id, server: 'files' })
  for (let index = 1; index <= events; index++) log.record(call(index))
  log.close()
  return log.path
}

function only(directory: string): ChainReport {
  const reports = verifyDirectory(directory)
  assert.equal(reports.length, 1)
  const [report] = reports
  assert.ok(report)
  return report
}

test('a record as it was written is ok', () => {
  withDirectory((directory) => {
    const file = record(directory, 5)
    const expected = {
      file,
      sandbox,
      segment: 0,
      state: 'ok',
      events: 5,
      afterHead: 0,
      tornBytes: 0,
      problem: undefined,
    }
    assert.deepEqual(verifyDirectory(directory), [expected])
    assert.deepEqual(verifyOne(file, directory), expected)
  })
})

test('a directory without records has nothing to find', () => {
  withDirectory((directory) => {
    assert.deepEqual(verifyDirectory(join(directory, 'absent')), [])
    assert.equal(verifyOne(join(directory, 'absent.jsonl'), directory), undefined)
  })
})

interface Tampering {
  readonly title: string
  readonly change: (lines: string[]) => string[]
  readonly line: number
  readonly what: RegExp
}

const tamperings: readonly Tampering[] = [
  {
    title: 'a changed value',
    change: (lines) => lines.map((line, index) => (index === 2 ? line.replace('"bytes":103', '"bytes":999') : line)),
    line: 3,
    what: /^the line was changed$/,
  },
  {
    title: 'a changed value with a hash that fits it',
    change: (lines) =>
      lines.map((line, index) => (index === 2 ? resealed(line.replace('"bytes":103', '"bytes":9')) : line)),
    line: 4,
    what: /^the line before is another than was written$/,
  },
  {
    title: 'the same event with other spaces',
    change: (lines) => lines.map((line, index) => (index === 1 ? line.replace('{"time":', '{ "time":') : line)),
    line: 2,
    what: /^the line was changed$/,
  },
  {
    title: 'a removed line',
    change: (lines) => lines.toSpliced(1, 1),
    line: 2,
    what: /^1 event\(s\) before this line were removed/,
  },
  {
    title: 'a removed beginning',
    change: (lines) => lines.slice(2),
    line: 1,
    what: /^2 event\(s\) before this line were removed/,
  },
  { title: 'a cut-off end', change: (lines) => lines.slice(0, 3), line: 4, what: /^the end is cut off$/ },
  { title: 'an emptied file', change: () => [], line: 1, what: /^the end is cut off$/ },
  {
    title: 'a line that stands twice',
    change: (lines) => lines.toSpliced(2, 0, lines[1] ?? ''),
    line: 3,
    what: /^an event that stood earlier was repeated/,
  },
  {
    title: 'two lines that changed places',
    change: ([a, b, c, ...rest]) => [a, c, b, ...rest].map((line) => line ?? ''),
    line: 2,
    what: /^1 event\(s\) before this line were removed or moved$/,
  },
  {
    title: 'a line of something else',
    change: (lines) => lines.toSpliced(2, 0, '{"a":1}'),
    line: 3,
    what: /^not a line of a record$/,
  },
  { title: 'an empty line', change: (lines) => lines.toSpliced(2, 0, ''), line: 3, what: /^not a line of a record$/ },
  {
    title: 'a line after the end',
    change: (lines) => [
      ...lines,
      resealed((lines.at(-1) ?? '').replace(/"prev":"[^"]*"/, `"prev":"${hashOf(lines.at(-1) ?? '')}"`)),
    ],
    line: 6,
    what: /^something follows the end$/,
  },
  {
    title: 'a record that was written anew, every hash of it right',
    change: (lines) => rewritten(lines, sandbox),
    line: 5,
    what: /^the whole record was written anew$/,
  },
  {
    title: 'a record of another sandbox in its place',
    change: (lines) => rewritten(lines, 'gbx-2'),
    line: 1,
    what: /^the record of another sandbox$/,
  },
]

for (const { title, change, line, what } of tamperings) {
  test(`${title} is found, and its line named`, () => {
    withDirectory((directory) => {
      const file = record(directory, 5)
      writeFileSync(
        file,
        change(linesOf(file))
          .map((text) => `${text}\n`)
          .join(''),
      )
      const report = only(directory)
      assert.equal(report.state, 'tampered')
      assert.equal(report.problem?.line, line)
      assert.match(report.problem?.what ?? '', what)
      assert.notEqual(report.problem?.expected, report.problem?.found)
    })
  })
}

test('bytes after the end of a closed record are found', () => {
  withDirectory((directory) => {
    const file = record(directory, 2)
    appendFileSync(file, '{"ti')
    assert.equal(only(directory).problem?.what, 'something follows the end')
  })
})

test('a line that is cut in the middle is found', () => {
  withDirectory((directory) => {
    const file = record(directory, 3)
    truncateSync(file, readFileSync(file).length - 10)
    const report = only(directory)
    assert.equal(report.problem?.what, 'the end is cut off')
    assert.equal(report.problem.line, 3)
  })
})

test('a file that is gone is found by the head that is left', () => {
  withDirectory((directory) => {
    const file = record(directory, 3)
    record(directory, 1, 'gbx-2')
    rmSync(file)
    const reports = verifyDirectory(directory)
    assert.deepEqual(
      reports.map(({ sandbox, state }) => [sandbox, state]),
      [
        ['gbx-1', 'tampered'],
        ['gbx-2', 'ok'],
      ],
    )
    assert.equal(reports[0]?.problem?.what, 'the file is gone')
    assert.equal(verifyOne(file, directory)?.problem?.what, 'the file is gone')
  })
})

test('a renamed file is the record of another sandbox', () => {
  withDirectory((directory) => {
    copyFileSync(record(directory, 3), join(directory, 'gbx-9.jsonl'))
    const report = verifyDirectory(directory).find((each) => each.sandbox === 'gbx-9')
    assert.equal(report?.state, 'tampered')
    assert.equal(report.problem?.what, 'the record of another sandbox')
  })
})

test('a whole record that no head was kept of is unrecorded', () => {
  withDirectory((directory) => {
    const file = record(directory, 3)
    withDirectory((other) => {
      copyFileSync(file, join(other, `${sandbox}.jsonl`))
      const report = only(other)
      assert.equal(report.state, 'unrecorded')
      assert.equal(report.events, 3)
    })
  })
})

test('a copy that was taken away is checked against the head at home', () => {
  withDirectory((directory) => {
    const file = record(directory, 3)
    withDirectory((other) => {
      const copy = join(other, `${sandbox}.jsonl`)
      copyFileSync(file, copy)
      assert.equal(verifyOne(copy, directory)?.state, 'ok')
      truncateSync(copy, 0)
      assert.equal(verifyOne(copy, directory)?.state, 'tampered')
    })
  })
})

test('heads that are damaged are no heads that match', () => {
  withDirectory((directory) => {
    record(directory, 3)
    for (const damage of [Buffer.alloc(8192, 'x'), Buffer.alloc(0)]) {
      for (const suffix of ['', '-wal', '-shm']) writeFileSync(join(directory, `heads.sqlite${suffix}`), damage)
      assert.throws(() => verifyDirectory(directory), {
        name: 'GloveboxError',
        code: 'AUDIT_TAMPERED',
        message: /heads\.sqlite/,
      })
    }
  })
})

/** A head as a crash leaves it: not the last, not closed. */
async function crashed(directory: string, more: number): Promise<string> {
  const log = openAudit({ directory, sandbox, server: 'files' })
  log.record(call(1))
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const look = setInterval(() => {
    if (verifyDirectory(directory)[0]?.state !== 'ok') return
    clearInterval(look)
    resolve(undefined)
  }, 5)
  await promise
  // Synchronous, and never closed: no later head is kept before the test is over.
  for (let index = 2; index < 2 + more; index++) log.record(call(index))
  return log.path
}

test('events after the last kept head are counted, and are not tampering', async () => {
  await withDirectory(async (directory) => {
    await crashed(directory, 3)
    const report = only(directory)
    assert.equal(report.state, 'ok')
    assert.equal(report.events, 4)
    assert.equal(report.afterHead, 3)
  })
})

test('a torn line after the last kept head is counted, and is not tampering', async () => {
  await withDirectory(async (directory) => {
    const file = await crashed(directory, 2)
    truncateSync(file, readFileSync(file).length - 7)
    const report = only(directory)
    assert.equal(report.state, 'ok')
    assert.equal(report.events, 2)
    assert.ok(report.tornBytes > 100)
  })
})

test('what was cut off before the last kept head is found after a crash too', async () => {
  await withDirectory(async (directory) => {
    const file = await crashed(directory, 0)
    truncateSync(file, readFileSync(file).length - 1)
    assert.equal(only(directory).problem?.what, 'the end is cut off')
  })
})

function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8').trimEnd().split('\n')
}

function hashOf(line: string): string {
  return /"hash":"([^"]*)"/.exec(line)?.[1] ?? ''
}

function prevOf(line: string): string {
  return /"prev":"([^"]*)"/.exec(line)?.[1] ?? ''
}

/** The line with the hash that it should have, as somebody would write it who knows the format. */
function resealed(line: string, prev = prevOf(line)): string {
  const event = JSON.parse(line) as { unmapped: Record<string, unknown> }
  const { prev: _, hash: __, ...unmapped } = event.unmapped
  return seal({ ...event, unmapped }, prev).line.trimEnd()
}

function rewritten(lines: string[], id: string): string[] {
  let prev = genesis(id)
  return lines.map((line) => {
    const forged = resealed(line.replace('"bytes":103', '"bytes":999').replaceAll(sandbox, id), prev)
    prev = hashOf(forged)
    return forged
  })
}
