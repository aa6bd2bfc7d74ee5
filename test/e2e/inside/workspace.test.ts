import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import type { SentWorkspace } from '../../../src/drivers/driver.ts'
import type { Connection } from '../../../src/inside/connection.ts'
import type { SyncReport } from '../../../src/protocol/workspace.ts'
import { connectTo } from '../../../src/runtime/running/connect.ts'
import { findRunning } from '../../../src/runtime/running/find.ts'
import { copyIn } from '../../../src/runtime/workspace/copy-in.ts'
import { sentWorkspace, withoutLinksOut } from '../../../src/runtime/workspace/send.ts'
import { keepManifest, makeSession, type Session } from '../../../src/runtime/workspace/session.ts'
import { syncBack } from '../../../src/runtime/workspace/sync.ts'
import { openDirectory } from '../../../src/system/directory.ts'
import { places } from '../../../src/system/places.ts'
import { runners } from '../../support/as-user.ts'
import { running, type Running } from '../../support/running.ts'

/** Whoever tests run as: the client of the channel is in this process. */
const runner = runners()[0]
assert.ok(runner)

interface Bench {
  readonly host: (name: string) => string
  readonly session: Session
  readonly sent: SentWorkspace
  readonly connection: Connection
  readonly box: Running
  readonly leftOut: readonly string[]
  /** Why nothing came back. */
  readonly failures: readonly unknown[]
  readonly sync: () => Promise<SyncReport>
}

/** A workspace, its copy, and a running sandbox that sees neither. */
async function bench(t: TestContext, prepare: (host: (name: string) => string) => void): Promise<Bench> {
  const base = fs.mkdtempSync(path.join(tmpdir(), 'glovebox-sent-'))
  t.after(() => fs.rmSync(base, { recursive: true, force: true }))
  const host = (name: string): string => path.join(base, 'host', name)
  fs.mkdirSync(host('.'))
  prepare(host)
  const home = places({ GLOVEBOX_HOME: path.join(base, 'home') })
  const workspace = host('.')
  const session = makeSession(home, {
    schema: 'glovebox/workspace/1',
    id: 'gbx-sent',
    server: 'sent',
    workspace,
    inode: fs.statSync(workspace).ino,
    startedMs: 0,
    exclude: [],
    deny: [],
    growthBytes: 1024 ** 2,
  })
  const [from, to] = [openDirectory(workspace), openDirectory(session.files)]
  const options = { exclude: () => false, deny: new Set<string>(), onBytes: () => undefined, signal: undefined }
  const copied = await copyIn({ host: from, copy: to, ...options })
  for (const each of [from, to]) each.close()
  const leftOut = withoutLinksOut(session, copied.manifest)
  keepManifest(session, copied.manifest)
  const failures: unknown[] = []
  const box = await running(t, runner as NonNullable<typeof runner>)
  const inside = await connectTo(findRunning(box.name, places({ ...runner?.env })))
  t.after(() => inside.close())
  const made = await box.exec('mkdir', '/tmp/work')
  assert.equal(made.code, 0, made.stderr)
  return {
    host,
    session,
    sent: sentWorkspace(session, copied.manifest, (error) => failures.push(error)),
    failures,
    connection: inside.connection,
    box,
    leftOut,
    sync: async () =>
      syncBack(session, {
        places: home,
        choice: 'yes',
        ask: async () => false,
        onBytes: () => undefined,
        signal: undefined,
      }),
  }
}

async function work(box: Running, script: string): Promise<void> {
  const { code, stderr } = await box.exec('sh', '-ec', `cd /tmp/work; ${script}`)
  assert.equal(code, 0, stderr)
}

test('a copy that was sent over the channel comes back with its changes, which are taken over as those of a mounted one', async (t) => {
  const { host, session, sent, connection, box, leftOut, failures, sync } = await bench(t, (at) => {
    for (const name of ['a', 'b', 'c', 'd/e/f']) {
      fs.mkdirSync(path.dirname(at(name)), { recursive: true })
      fs.writeFileSync(at(name), name)
    }
    fs.writeFileSync(at('large'), Buffer.alloc(3 * 1024 ** 2, 7))
    fs.symlinkSync('a', at('link'))
    fs.symlinkSync('/etc/hostname', at('out'))
  })
  assert.deepEqual(leftOut, ['out -> /etc/hostname'])
  await sent.send(connection, '/tmp/work')
  await work(
    box,
    'echo new > a; rm -r b d; chmod 755 c; mkdir -p x/y; echo z > x/y/z; ln -sfn c link; ln -s /etc/passwd elsewhere; mkdir empty',
  )
  fs.writeFileSync(host('mine'), 'mine')
  await sent.fetch(connection, '/tmp/work')
  assert.deepEqual(failures, [])
  const report = await sync()
  assert.equal(report.state, 'synced', JSON.stringify(report))
  assert.deepEqual(report.conflicts, [])
  assert.deepEqual(
    report.paths.toSorted(),
    [
      '+ elsewhere',
      '+ empty',
      '+ x',
      '+ x/y',
      '+ x/y/z',
      '- b',
      '- d',
      '- d/e',
      '- d/e/f',
      '~ a',
      '~ c',
      '~ link',
    ].toSorted(),
  )
  assert.deepEqual(fs.readdirSync(host('.')).toSorted(), [
    'a',
    'c',
    'elsewhere',
    'empty',
    'large',
    'link',
    'mine',
    'out',
    'x',
  ])
  assert.equal(fs.readFileSync(host('a'), 'utf8'), 'new\n')
  assert.equal(fs.readlinkSync(host('out')), '/etc/hostname')
  assert.equal(fs.statSync(host('c')).mode & 0o777, 0o755)
  assert.ok(!fs.existsSync(session.directory))
})

test('more than may come back does not, and the workspace stays as it is', async (t) => {
  const { host, session, sent, failures, connection, box, sync } = await bench(t, (at) =>
    fs.writeFileSync(at('a'), 'first'),
  )
  await sent.send(connection, '/tmp/work')
  await work(box, 'echo second > a; head -c 3000000 /dev/zero > large')
  await sent.fetch(connection, '/tmp/work')
  assert.match(String(failures), /more than 1\.0 MiB came back/)
  const report = await sync()
  assert.equal(report.state, 'lost')
  assert.equal(fs.readFileSync(host('a'), 'utf8'), 'first')
  assert.ok(!fs.existsSync(session.directory))
})

test('what is not fetched is told as lost, and never taken for a copy without changes', async (t) => {
  const { host, sent, connection, box, sync } = await bench(t, (at) => fs.writeFileSync(at('a'), 'first'))
  await sent.send(connection, '/tmp/work')
  await work(box, 'echo second > a')
  assert.equal((await sync()).state, 'lost')
  assert.equal(fs.readFileSync(host('a'), 'utf8'), 'first')
})
