import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { runners, type Runner } from '../support/as-user.ts'
import { connect, glovebox, start } from '../support/mcp-client.ts'

const filesystemServer = 'node_modules/@modelcontextprotocol/server-filesystem/dist/index.js'
const everythingServer = 'node_modules/@modelcontextprotocol/server-everything/dist/index.js'

function put(runner: Runner, name: string, text: string): string {
  const file = path.join(runner.home, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
  for (const each of [path.dirname(file), file]) chownSync(each, runner.uid, runner.gid)
  return file
}

const textOf = (result: object): string => JSON.stringify(result)

for (const runner of runners()) {
  const as = ` (${runner.name})`
  const server = path.join(runner.root, filesystemServer)

  test(`the unmodified filesystem server lists its tools and reads an allowed file${as}`, async () => {
    const file = put(runner, 'shown/note.txt', 'what may be read')
    const directory = path.dirname(file)
    const { client, close } = await connect(
      runner,
      glovebox(runner, ['run', '--read', directory, '--', 'node', server, directory]),
    )
    const { tools } = await client.listTools()
    assert.ok(tools.some(({ name }) => name === 'read_text_file'))
    const result = await client.callTool({ name: 'read_text_file', arguments: { path: file } })
    assert.match(textOf(result), /what may be read/)
    await close()
  })

  test(`a server may write where it was allowed to, and the file is the user's own${as}`, async () => {
    const file = put(runner, 'open/old.txt', 'old')
    const directory = path.dirname(file)
    const { client, close } = await connect(
      runner,
      glovebox(runner, ['run', '--write', directory, '--', 'node', server, directory]),
    )
    await client.callTool({ name: 'write_file', arguments: { path: path.join(directory, 'new.txt'), content: 'new' } })
    await close()
    assert.equal(readFileSync(path.join(directory, 'new.txt'), 'utf8'), 'new')
    const owner = runner.spawnSync('stat', ['-c', '%u', path.join(directory, 'new.txt')]).stdout.trim()
    assert.equal(owner, `${runner.uid}`)
  })

  test(`a hidden tool is not listed and cannot be called, as if it did not exist${as}`, async () => {
    const directory = path.dirname(put(runner, 'tools/a.txt', 'a'))
    const flags = ['run', '--write', directory, '--deny-tools', 'write_*,move_file']
    const { client, close } = await connect(runner, glovebox(runner, [...flags, '--', 'node', server, directory]))
    const names = new Set((await client.listTools()).tools.map(({ name }) => name))
    assert.ok(names.has('read_text_file') && !names.has('write_file') && !names.has('move_file'))
    const call = client.callTool({
      name: 'write_file',
      arguments: { path: path.join(directory, 'b.txt'), content: 'b' },
    })
    await assert.rejects(call, { code: -32602, message: /Unknown tool: write_file/ })
    await close()
    assert.deepEqual(readdirSync(directory), ['a.txt'])
  })

  test(`server-everything answers, and a server that lingers after its input has ended is ended${as}`, async () => {
    const { client, close } = await connect(
      runner,
      glovebox(runner, ['run', '--', 'node', path.join(runner.root, everythingServer), 'stdio']),
    )
    const result = await client.callTool({ name: 'echo', arguments: { message: 'hello' } })
    assert.match(textOf(result), /hello/)
    await close()
  })

  test(`every call of a tool is one line of the record, without its arguments${as}`, async () => {
    const file = put(runner, 'audited/secret-name.txt', 'x')
    const directory = path.dirname(file)
    const home = path.join(runner.home, 'record')
    const command = [
      'env',
      `GLOVEBOX_HOME=${home}`,
      ...glovebox(runner, ['run', '--read', directory, '--', 'node', server, directory]),
    ]
    const { client, close } = await connect(runner, command)
    await client.callTool({ name: 'read_text_file', arguments: { path: file } })
    await client.callTool({ name: 'list_directory', arguments: { path: directory } })
    await close()
    const logs = path.join(home, 'state/audit')
    const lines = readdirSync(logs)
      .filter((name) => name.endsWith('.jsonl'))
      .flatMap((name) => readFileSync(path.join(logs, name), 'utf8').trimEnd().split('\n'))
    const calls = lines.filter((line) => line.includes('"tools/call"'))
    assert.equal(calls.length, 2)
    assert.ok(calls[0]?.includes('read_text_file') && calls[1]?.includes('list_directory'))
    assert.ok(!calls.join('').includes('secret-name'))
    const verified = runner.spawnSync(runner.node, [
      '--',
      path.join(runner.root, 'bin/glovebox.cjs'),
      'audit',
      'verify',
      '--json',
    ])
    assert.equal(verified.status, 0, verified.stderr)
  })

  test(`what is no message on stdout is kept from the client and does not end the session${as}`, async () => {
    const script = put(
      runner,
      'noisy/server.mjs',
      `console.log('starting up...'); console.error('a complaint')
       process.stdin.on('data', (d) => { for (const l of d.toString().trim().split('\\n')) { const m = JSON.parse(l)
         if (m.method === 'initialize') { console.log('{"not":'); console.log(JSON.stringify({ jsonrpc: '2.0', id: m.id, result: { protocolVersion: m.params.protocolVersion, capabilities: {}, serverInfo: { name: 'n', version: '1' } } })) } } })`,
    )
    const { client, stderr, close } = await connect(runner, glovebox(runner, ['run', '--', 'node', script]))
    assert.equal(client.getServerVersion()?.name, 'n')
    await close()
    assert.match(stderr(), /a complaint/)
  })

  test(`a request that the server never answers is answered when the server is gone${as}`, async () => {
    const script = put(
      runner,
      'dying/server.mjs',
      `process.stdin.on('data', (d) => { const m = JSON.parse(d.toString().split('\\n')[0])
         if (m.method === 'tools/list') process.exit(7) })`,
    )
    const { child, ended } = start(runner, ['run', '--name', 'dying', '--', 'node', script])
    child.stdin?.write('{"jsonrpc":"2.0","id":"q","method":"tools/list"}\n')
    const { code, stdout } = await ended
    assert.equal(code, 7)
    const answer = JSON.parse(stdout) as { id: string; error: { message: string } }
    assert.equal(answer.id, 'q')
    assert.match(answer.error.message, /"dying" ended with exit code 7/)
  })

  const complaining = (): string =>
    put(
      runner,
      'complaining/server.py',
      `import json, sys, threading
for line in sys.stdin:
    m = json.loads(line)
    threading.Thread(target=lambda: (sys.stderr.write('x' * 1000000 + chr(10)), sys.stderr.flush()), daemon=True).start()
    print(json.dumps({'jsonrpc': '2.0', 'id': m['id'], 'result': {'tools': []}}), flush=True)
`,
    )

  test(`a client that has closed our stderr is answered all the same, and the end is in the record${as}`, async () => {
    const home = path.join(runner.home, 'deaf')
    const [program, ...words] = glovebox(runner, ['run', '--', 'python3', complaining()])
    const child = runner.spawn('env', [`GLOVEBOX_HOME=${home}`, program, ...words], { stdio: 'pipe' })
    child.stderr?.destroy()
    for (let id = 1; id <= 3; id++) {
      child.stdin?.write(`{"jsonrpc":"2.0","id":${id},"method":"tools/list"}\n`)
      const [answer] = (await once(child.stdout as Readable, 'data')) as [Buffer]
      assert.equal((JSON.parse(answer.toString()) as { id: number }).id, id)
    }
    child.stdin?.end()
    assert.deepEqual(await once(child, 'exit'), [0, null])
    const logs = path.join(home, 'state/audit')
    const record = readdirSync(logs).find((name) => name.endsWith('.jsonl'))
    assert.match(readFileSync(path.join(logs, record ?? ''), 'utf8'), /"event_code":"stop"/)
  })

  test(`a client that does not read our stderr is answered, and can end us${as}`, async () => {
    const [program, ...words] = glovebox(runner, ['run', '--', 'python3', complaining()])
    const child = runner.spawn(program, words, { stdio: 'pipe' })
    for (let id = 1; id <= 5; id++) {
      child.stdin?.write(`{"jsonrpc":"2.0","id":${id},"method":"tools/list"}\n`)
      const [answer] = (await once(child.stdout as Readable, 'data')) as [Buffer]
      assert.equal((JSON.parse(answer.toString()) as { id: number }).id, id)
    }
    child.kill('SIGTERM')
    const [code] = (await once(child, 'exit')) as [number | null]
    assert.equal(code, 143)
  })

  test(`what a server said last is passed on to a reader that is slow${as}`, async () => {
    const words = glovebox(runner, [
      'run',
      '--',
      'sh',
      '-c',
      'head -c 300000 /dev/zero | tr "\\0" x >&2; echo LAST >&2',
    ])
    const script = '"$@" 2>&1 >/dev/null </dev/null | (read -r -N 1 c; read -r line; echo "${line: -4}")'
    const child = runner.spawn('bash', ['-c', script, 'bash', ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
    assert.equal(await text(child.stdout as Readable), 'LAST\n')
  })

  test(`a program that speaks no MCP is told that exec is what was meant${as}`, async () => {
    const { code, stdout, stderr } = await start(runner, ['run', '--', 'echo', 'hello']).ended
    assert.equal(code, 0)
    assert.equal(stdout, '')
    assert.match(stderr, /without a single MCP message.*glovebox exec/)
  })

  test(`a directory among the arguments that is not shown is an error before the start${as}`, async () => {
    const directory = path.dirname(put(runner, 'hidden/a.txt', 'a'))
    const { code, stderr } = await start(runner, ['run', '--', 'node', server, directory]).ended
    assert.equal(code, 2)
    assert.match(stderr, new RegExp(`cannot see: ${directory}[^]*--read ${directory}`))
  })

  test(`the plan is printed and nothing started with --dry-run${as}`, async () => {
    const { code, stdout } = await start(runner, [
      'run',
      '--dry-run',
      '--json',
      '--env',
      'KEY=do-not-tell',
      '--',
      'node',
      server,
    ]).ended
    assert.equal(code, 0)
    const plan = JSON.parse(stdout) as {
      schema: string
      mounts: { target: string; access: string }[]
      command: { env: string[] }
    }
    assert.equal(plan.schema, 'glovebox/run-plan/1')
    assert.ok(plan.mounts.every(({ access }) => access === 'read'))
    assert.ok(plan.command.env.includes('KEY') && !stdout.includes('do-not-tell'))
  })

  test(`SIGINT and SIGTERM end the server and tell so by the exit code${as}`, async () => {
    for (const [signal, expected] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const { child, ended } = start(runner, ['run', '--', 'node', path.join(runner.root, everythingServer), 'stdio'])
      child.stdin?.write(
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}\n',
      )
      await Promise.race([new Promise((resolve) => child.stdout?.once('data', resolve)), ended])
      child.kill(signal)
      assert.equal((await ended).code, expected)
    }
  })
}
