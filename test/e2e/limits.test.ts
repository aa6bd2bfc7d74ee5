import assert from 'node:assert/strict'
import { chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { runners, type Runner } from '../support/as-user.ts'
import { connect, glovebox, start } from '../support/mcp-client.ts'

/** A server with one tool that takes memory: no faster than a watchdog looks, behind which an allocation just fails. */
const hungry = `
  import { spawn } from 'node:child_process'
  const kept = []
  const answer = (id, result) => console.log(JSON.stringify({ jsonrpc: '2.0', id, result }))
  process.stdin.on('data', (d) => { for (const line of d.toString().trim().split('\\n')) { const m = JSON.parse(line)
    if (m.method === 'initialize') answer(m.id, { protocolVersion: m.params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'hungry', version: '1' } })
    if (m.method === 'tools/call') setInterval(() => kept.push(Buffer.alloc(2 << 20, 1)), 1) } })`

function put(runner: Runner, name: string, text: string): string {
  const file = path.join(runner.home, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
  for (const each of [path.dirname(file), file]) chownSync(each, runner.uid, runner.gid)
  return file
}

function recordOf(home: string): Record<string, unknown>[] {
  const logs = path.join(home, 'state/audit')
  return readdirSync(logs)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => readFileSync(path.join(logs, name), 'utf8').trimEnd().split('\n'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

for (const runner of runners()) {
  const as = ` (${runner.name})`

  test(`a server that takes more memory than it may is ended, and the client is told why${as}`, async () => {
    const script = put(runner, 'hungry/server.mjs', hungry)
    const { client, close } = await connect(runner, glovebox(runner, ['run', '--name', 'hungry', '--', 'node', script]))
    await assert.rejects(client.callTool({ name: 'eat', arguments: {} }), /more than its 512 MiB of memory/)
    await close()
  })

  test(`what goes to another CPU, to many processes and to the disk is limited too${as}`, async () => {
    const forks = await start(runner, [
      'exec',
      '--',
      'sh',
      '-c',
      'i=0; while [ $i -lt 400 ]; do sleep 30 & i=$((i+1)); done; wait',
    ]).ended
    assert.notEqual(forks.code, 0)
    assert.match(forks.stderr, /[Ff]ork|Resource temporarily unavailable/)
    const disk = await start(runner, ['exec', '--', 'sh', '-c', 'head -c 300M /dev/zero > /tmp/fill']).ended
    assert.notEqual(disk.code, 0)
    assert.match(disk.stderr, /No space left on device/)
  })

  test(`the only programs that run are those of the list${as}`, async () => {
    const listed = await start(runner, ['exec', '--exec', 'id', '--', 'sh', '-c', 'id -u; ls /']).ended
    assert.match(listed.stdout, /^\d+\n$/)
    assert.match(listed.stderr, /ls.*(not permitted|[Pp]ermission denied)/)
  })

  test(`programs are in the record, and in audit mode also the files that are opened${as}`, async () => {
    const file = put(runner, 'watched/file.txt', 'x')
    const home = path.join(runner.home, 'watched-record')
    const [program, ...words] = glovebox(runner, [
      'exec',
      '--mode',
      'audit',
      '--read',
      path.dirname(file),
      '--',
      'sh',
      '-c',
      `cat ${file}`,
    ])
    const done = runner.spawnSync('env', [`GLOVEBOX_HOME=${home}`, program, ...words])
    assert.equal(done.stdout, 'x')
    const lines = recordOf(home).map((event) => JSON.stringify(event))
    assert.ok(
      lines.some((line) => line.includes('/usr/bin/cat') || line.includes('/bin/cat')),
      'the program',
    )
    assert.ok(
      lines.some((line) => line.includes(file)),
      'the file',
    )
  })

  test(`a refused connection is in the record with its address${as}`, async () => {
    const home = path.join(runner.home, 'net-record')
    const script = `require('net').connect(9, '192.0.2.1').on('error', (e) => console.log(e.code))`
    const [program, ...words] = glovebox(runner, ['exec', '--', 'node', '-e', script])
    const done = runner.spawnSync('env', [`GLOVEBOX_HOME=${home}`, program, ...words])
    assert.match(done.stdout, /EACCES|ENETUNREACH|EPERM/)
    assert.ok(recordOf(home).some((event) => JSON.stringify(event).includes('192.0.2.1')))
  })

  test(`a client that stops reading does not keep SIGTERM from working${as}`, async () => {
    const script = put(
      runner,
      'flood/server.mjs',
      `process.stdin.on('data', () => {}); setInterval(() => console.log(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'x'.repeat(60000) } })), 0)`,
    )
    const [program, ...words] = glovebox(runner, ['run', '--', 'node', script])
    const child = runner.spawn(program, words, { stdio: ['pipe', 'pipe', 'ignore'] })
    await new Promise((resolve) => child.stdout?.once('readable', resolve)) // and nothing is ever read
    const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)))
    child.kill('SIGTERM')
    assert.equal(await ended, 143)
  })
}
