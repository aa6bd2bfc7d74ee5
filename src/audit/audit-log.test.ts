import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { GloveboxError } from '../errors.ts'
import { eventually } from '../../test/support/eventually.ts'
import { call, withDirectory } from '../../test/support/record.ts'
import { openAudit } from './audit-log.ts'
import { readHeads } from './heads.ts'
import { verifyDirectory } from './verify.ts'

const writer = fileURLToPath(new URL('../../test/support/record-writer.ts', import.meta.url))

function sequencesIn(path: string): unknown[] {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  return lines.map((line) => (JSON.parse(line) as { metadata: { sequence: unknown } }).metadata.sequence)
}

test('an event is in the file when record returns', () => {
  withDirectory((directory) => {
    const log = openAudit({ directory, sandbox: 'gbx-1', server: 'files' })
    for (let index = 1; index <= 3; index++) {
      log.record(call(index))
      assert.equal(sequencesIn(log.path).length, index)
    }
    log.close()
    assert.deepEqual(sequencesIn(log.path), [1, 2, 3])
  })
})

test('the directory and its files are for their owner alone', () => {
  withDirectory((base) => {
    const directory = join(base, 'state', 'audit')
    const log = openAudit({ directory, sandbox: 'gbx-1', server: 'files' })
    log.record(call(1))
    log.close()
    assert.equal(statSync(directory).mode & 0o777, 0o700)
    for (const name of readdirSync(directory)) assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name)
  })
})

test('the head follows by itself within a batch, without a close', async () => {
  await withDirectory(async (directory) => {
    const log = openAudit({ directory, sandbox: 'gbx-1', server: 'files' })
    log.record(call(1))
    log.record(call(2))
    assert.equal(readHeads(directory).size, 0, 'SQLite is off the path of an event')
    const head = await eventually(() => readHeads(directory).get('gbx-1'))
    assert.equal(head.events, 2)
    assert.equal(head.bytes, statSync(log.path).size)
    assert.equal(head.closed, false)
    log.close()
    assert.equal(readHeads(directory).get('gbx-1')?.closed, true)
  })
})

test('events that come while a batch is on its way to the disk are in the next', async () => {
  await withDirectory(async (directory) => {
    const log = openAudit({ directory, sandbox: 'gbx-1', server: 'files' })
    log.record(call(1))
    for (let index = 2; index <= 5; index++) {
      await eventually(() => readHeads(directory).get('gbx-1')?.events === index - 1 || undefined)
      log.record(call(index))
    }
    await eventually(() => readHeads(directory).get('gbx-1')?.events === 5 || undefined)
    log.close()
  })
})

test('closing twice is closing once', () => {
  withDirectory((directory) => {
    const log = openAudit({ directory, sandbox: 'gbx-1', server: 'files' })
    log.record(call(1))
    log.close()
    log.close()
    assert.equal(verifyDirectory(directory)[0]?.state, 'ok')
  })
})

test('a record in which nothing was ever written leaves no file', () => {
  withDirectory((directory) => {
    openAudit({ directory, sandbox: 'gbx-1', server: 'files' }).close()
    assert.deepEqual(readdirSync(directory), [])
  })
})

test('nothing is recorded after the close', () => {
  withDirectory((directory) => {
    const log = openAudit({ directory, sandbox: 'gbx-1', server: 'files' })
    log.record(call(1))
    log.close()
    assert.throws(() => log.record(call(2)), { code: 'AUDIT_UNWRITABLE' })
    assert.deepEqual(sequencesIn(log.path), [1])
  })
})

test('a name is used once: two writers would break the chain', () => {
  withDirectory((directory) => {
    const log = openAudit({ directory, sandbox: 'gbx-1', server: 'files' })
    log.record(call(1))
    assert.throws(() => openAudit({ directory, sandbox: 'gbx-1', server: 'files' }), { code: 'AUDIT_UNWRITABLE' })
    log.close()
  })
})

test('what is no sandbox id names no file', () => {
  withDirectory((directory) => {
    for (const sandbox of ['', '../x', 'a/b', 'A', 'a.jsonl', 'a'.repeat(65)]) {
      assert.throws(() => openAudit({ directory, sandbox, server: 's' }), { code: 'INTERNAL' })
    }
    assert.deepEqual(readdirSync(directory), [])
  })
})

test('a directory that is a file stops the start, with a way out', () => {
  withDirectory((base) => {
    const directory = join(base, 'audit')
    writeFileSync(directory, '')
    assert.throws(
      () => openAudit({ directory, sandbox: 'gbx-1', server: 'files' }),
      (error) =>
        error instanceof GloveboxError && error.code === 'AUDIT_UNWRITABLE' && /GLOVEBOX_HOME/.test(error.fix ?? ''),
    )
  })
})

test('a heads file that is no database fails the events that come after', async () => {
  await withDirectory(async (directory) => {
    writeFileSync(
      join(directory, 'heads.sqlite'),
      'this is no database, and it is long enough to be read as one'.repeat(20),
    )
    const log = openAudit({ directory, sandbox: 'gbx-1', server: 'files' })
    log.record(call(1))
    const error = await eventually(() => {
      try {
        log.record(call(2))
        return undefined
      } catch (thrown) {
        return thrown
      }
    })
    assert.ok(error instanceof GloveboxError)
    assert.equal(error.code, 'AUDIT_UNWRITABLE')
    assert.match(error.message, /heads\.sqlite/)
    assert.match(error.fix ?? '', /move .*heads\.sqlite, .* away/)
    assert.throws(() => log.close(), { code: 'AUDIT_UNWRITABLE' })
  })
})

test('a writer that is killed leaves all that it had said, as a whole chain', async () => {
  await withDirectory(async (directory) => {
    const child = spawn(process.execPath, [writer, directory, 'gbx-1', 'forever'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const said = await new Promise<number>((resolve) => {
      let count = 0
      child.stdout.on('data', (data: Buffer) => {
        count += data.length
        if (count > 500) child.kill('SIGKILL')
      })
      child.stdout.on('end', () => resolve(count))
    })
    const [report] = verifyDirectory(directory)
    assert.ok(report)
    // Killed between two of its batches, or before the first.
    assert.ok(report.state === 'ok' || report.state === 'unrecorded', report.problem?.what)
    assert.ok(report.events >= said, `${report.events} events, ${said} said`)
  })
})

test('a process that forgets to close is not kept alive by its record', () => {
  withDirectory((directory) => {
    const run = spawnSync(process.execPath, [writer, directory, 'gbx-1', 'forget'], { timeout: 20_000 })
    assert.equal(run.status, 0)
    assert.equal(existsSync(join(directory, 'gbx-1.jsonl')), true)
  })
})

test('many processes keep their heads in one place at once', async () => {
  await withDirectory(async (directory) => {
    const ids = Array.from({ length: 8 }, (_, index) => `gbx-${index}`)
    const codes = await Promise.all(ids.map(async (id) => exitCode(directory, id)))
    assert.ok(
      codes.every((code) => code === 0),
      String(codes),
    )
    const reports = verifyDirectory(directory)
    assert.equal(reports.length, ids.length * 20)
    assert.deepEqual(
      reports.filter((report) => report.state !== 'ok'),
      [],
    )
  })
})

async function exitCode(directory: string, id: string): Promise<unknown> {
  const child = spawn(process.execPath, [writer, directory, id, 'sandboxes'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = (await once(child, 'exit')) as unknown[]
  return code
}
