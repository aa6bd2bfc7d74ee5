import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import type { Contract } from '../context.ts'
import { until } from '../context.ts'

export function isolationCases({ plan, start, run, differences }: Contract): void {
  test('two sandboxes at once do not see each other', async () => {
    const serve = `
      require('fs').writeFileSync('/tmp/secret', 'of the first')
      require('fs').writeFileSync('/dev/shm/secret', 'of the first')
      require('net').createServer().listen(4567, '127.0.0.1', () =>
        require('net').createServer().listen('\\0glovebox-contract', () => console.log('ready')))`
    const look = `
      const { existsSync, readdirSync } = require('fs')
      const pids = readdirSync('/proc').filter((name) => /^\\d+$/.test(name))
      const dial = (to) => new Promise((r) => require('net').connect(to).on('connect', () => r('connected')).on('error', (e) => r(e.code)))
      Promise.all([dial({ host: '127.0.0.1', port: 4567 }), dial({ path: '\\0glovebox-contract' })]).then((dialled) =>
        console.log(JSON.stringify({ tmp: existsSync('/tmp/secret'), shm: existsSync('/dev/shm/secret'), pids: pids.length, dialled })))`
    const first = await start(plan([process.execPath, '-e', serve]))
    await until(first.stdio.stdout, 'ready')
    const second = await run(plan([process.execPath, '-e', look]))
    const seen = JSON.parse(second.stdout.toString()) as { tmp: boolean; shm: boolean; pids: number; dialled: string[] }
    assert.equal(seen.tmp, false)
    assert.equal(seen.shm, false)
    assert.ok(seen.pids <= 2, `${seen.pids} processes`)
    assert.deepEqual(seen.dialled, ['ECONNREFUSED', 'ECONNREFUSED'])
    await first.wall.stop(0)
  })

  test('what one sandbox leaves in its private places is not there for the next', async () => {
    await run(plan(['sh', '-c', 'echo x > /tmp/left; echo x > "$HOME/left"']))
    const { stdout } = await run(plan(['sh', '-c', 'ls -A /tmp /home/user /dev/shm']))
    assert.doesNotMatch(stdout.toString(), /left/)
  })

  test('files of the host are not there unless the plan has them, and then as it says', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-contract-'))
    try {
      const file = path.join(directory, 'file')
      const other = mkdtempSync(path.join(directory, 'other-'))
      writeFileSync(file, 'before')
      const script = 'cat "$0"; echo after > "$0"'
      const hidden = await run(plan(['sh', '-c', script, file]))
      assert.equal(hidden.stdout.toString(), '')
      const read = await run(plan(['sh', '-c', script, file], { filesystem: { read: [file], write: [], deny: [] } }))
      assert.equal(read.stdout.toString(), 'before')
      assert.equal(readFileSync(file, 'utf8'), 'before')
      const denied = await run(
        plan(['sh', '-c', 'ls "$0"', other], { filesystem: { read: [directory], write: [], deny: [other] } }),
      )
      assert.notEqual(denied.exit.code, 0)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('what the plan lets be written is written on the host', { skip: differences.write }, async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-contract-'))
    try {
      const file = path.join(directory, 'file')
      const other = mkdtempSync(path.join(directory, 'other-'))
      writeFileSync(file, 'before')
      const script = 'cat "$0"; echo after > "$0"'
      const write = await run(
        plan(['sh', '-c', script, file], { filesystem: { read: [], write: [directory], deny: [other] } }),
      )
      assert.equal(write.stdout.toString(), 'before')
      assert.equal(readFileSync(file, 'utf8'), 'after\n')
      const denied = await run(
        plan(['sh', '-c', 'ls "$0"', other], { filesystem: { read: [], write: [directory], deny: [other] } }),
      )
      assert.notEqual(denied.exit.code, 0)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('a connection to the host is refused, and told with who tried where', async () => {
    let reached = 0
    const server = createServer((socket) => {
      reached++
      socket.destroy()
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = server.address() as { port: number }
      const dial = (host: string): string =>
        `new Promise((r) => require('net').connect(${port}, '${host}').on('connect', () => r('connected')).on('error', (e) => r(e.code)))`
      const script = `Promise.all([${dial('127.0.0.1')}, ${dial('192.0.2.1')}]).then((all) => console.log(all.join()))`
      const { stdout, activities } = await run(plan([process.execPath, '-e', script]))
      assert.doesNotMatch(stdout.toString(), /connected/)
      assert.equal(reached, 0)
      const told = activities.filter(({ kind, address }) => kind === 'connect' && address === `192.0.2.1:${port}`)
      assert.ok(told.length > 0, JSON.stringify(activities))
      for (const activity of told) {
        assert.equal(activity.verdict, 'denied')
        assert.equal(activity.rule, 'network.default-deny')
        assert.ok(activity.pid > 0)
        assert.match(activity.program, /node/)
      }
    } finally {
      server.close()
    }
  })

  test('programs that are started inside are told', async () => {
    const { activities } = await run(plan(['sh', '-c', '/usr/bin/env true; exit 0']))
    const paths = activities.filter(({ kind }) => kind === 'exec').map((activity) => activity.path)
    assert.ok(paths.includes('/usr/bin/env'), JSON.stringify(paths))
  })
}
