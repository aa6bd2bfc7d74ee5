import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, test } from 'node:test'
import { usualRunners, type Runner } from '../support/as-user.ts'
import { connect, glovebox } from '../support/mcp-client.ts'

const everythingServer = 'node_modules/@modelcontextprotocol/server-everything/dist/index.js'

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** `glovebox …` in a directory of the runner's home. */
function cli(runner: Runner, args: readonly string[], cwd: string = runner.home): Ended {
  const [program, ...words] = glovebox(runner, args)
  const { status, stdout, stderr } = runner.spawnSync(program, words, { cwd })
  return { code: status, stdout, stderr }
}

function put(runner: Runner, name: string, text: string): string {
  const file = path.join(runner.home, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
  for (let each = file; each !== runner.home; each = path.dirname(each)) chownSync(each, runner.uid, runner.gid)
  return file
}

for (const runner of usualRunners()) {
  const as = ` (${runner.name})`
  const server = path.join(runner.root, everythingServer)
  const project = path.join(runner.home, 'project')
  const userPlace = path.join(runner.env['XDG_CONFIG_HOME'] ?? path.join(runner.home, '.config'), 'glovebox')

  afterEach(() => {
    for (const made of [project, userPlace]) rmSync(made, { recursive: true, force: true })
  })

  test(`a server that was added is listed, shown and run by its name, to a real client${as}`, async () => {
    const flags = ['--deny-tools', 'get-env', '--open-files', '600']
    const added = cli(runner, ['add', 'every', ...flags, '--', 'node', server, 'stdio'])
    assert.equal(added.code, 0, added.stderr)
    assert.match(added.stdout, /glovebox\.json/)
    assert.match(cli(runner, ['list']).stdout, /^every +user +enabled +own +node /m)
    assert.match(cli(runner, ['list', '--names']).stdout, /^every$/m)
    assert.equal(cli(runner, ['list', '--names', '--json']).code, 2)
    const shown: unknown = JSON.parse(cli(runner, ['show', 'every', '--json']).stdout)
    assert.ok(typeof shown === 'object' && shown !== null && 'origins' in shown)
    assert.match(
      JSON.stringify(shown.origins),
      /"limits\.openFiles":\{"kind":"user","where":"[^"]*glovebox\.json:\d+:\d+"/,
    )
    const { client, close } = await connect(runner, glovebox(runner, ['run', 'every']))
    const names = new Set((await client.listTools()).tools.map(({ name }) => name))
    assert.ok(names.has('echo') && !names.has('get-env'))
    await close()
  })

  test(`each edit keeps what was there in a dated copy, with its mode${as}`, () => {
    put(runner, 'project/glovebox.json', '{\n  // mine\n  "mcpServers": {}\n}\n')
    const directory = path.join(runner.home, 'project')
    assert.equal(cli(runner, ['add', 'one', '--', 'true'], directory).code, 0)
    const mistyped = cli(runner, ['add', 'one', '--config', 'porject/glovebox.json', '--', 'true'], runner.home)
    assert.deepEqual([mistyped.code, existsSync(path.join(runner.home, 'porject'))], [2, false])
    assert.match(mistyped.stderr, /no directory .*\/porject\n.*mkdir -p/)
    assert.equal(cli(runner, ['disable', 'one'], directory).code, 0)
    assert.match(readFileSync(path.join(directory, 'glovebox.json'), 'utf8'), /\/\/ mine\n[^]*"enabled": false/)
    const refused = cli(runner, ['run', 'one'], directory)
    assert.deepEqual([refused.code, /"one" is disabled/.test(refused.stderr)], [2, true])
    assert.equal(cli(runner, ['enable', 'one'], directory).code, 0)
    assert.equal(cli(runner, ['remove', 'one'], directory).code, 0)
    assert.match(readFileSync(path.join(directory, 'glovebox.json'), 'utf8'), /\/\/ mine\n[^]*"mcpServers": \{\s*\}/)
    assert.equal(readdirSync(directory).filter((name) => name.endsWith('.bak')).length, 4)
  })

  test(`a project asks for trust before it writes, and again with a diff after a change${as}`, () => {
    const config = (memory: string): string =>
      `mcpServers:\n  s:\n    command: sh\n    args: [-c, "echo made > made"]\n    sandbox:\n      filesystem: { write: [.] }\n      limits: { memory: ${memory} }\n`
    put(runner, 'project/glovebox.yaml', config('256M'))
    const run = (): Ended => cli(runner, ['run', '--dry-run', 's'], project)
    const refused = run()
    assert.equal(refused.code, 4, refused.stderr)
    assert.match(refused.stderr, /nobody has looked at its configuration yet, and it wants to write to /)
    const asked = cli(runner, ['trust'], project)
    assert.equal(asked.code, 2)
    assert.match(asked.stdout, /filesystem: \{ write: \[\.\] \}/)
    assert.match(asked.stderr, /--yes/)
    assert.equal(cli(runner, ['trust', '--yes'], project).code, 0)
    assert.equal(run().code, 0, run().stderr)
    put(runner, 'project/glovebox.yaml', config('300M'))
    assert.equal(run().code, 4)
    const diff = cli(runner, ['trust', '--show'], project).stdout
    assert.match(diff, /^- +limits: \{ memory: 256M \}$/m)
    assert.match(diff, /^\+ +limits: \{ memory: 300M \}$/m)
    assert.equal(cli(runner, ['trust', '--revoke'], project).code, 0)
    put(runner, 'project/glovebox.yaml', config('256M'))
    assert.equal(run().code, 4)
  })

  test(`nothing of an untrusted configuration speaks to the terminal${as}`, () => {
    put(
      runner,
      'project/glovebox.json',
      '{ "mcpServers": { "s": { "command": "sh", "args": ["\u{9b}31mred \\u001b]0;title\\u0007 \\u202etxt"] } } }',
    )
    for (const args of [['list'], ['show', 's'], ['trust', '--show'], ['run', '--dry-run', 's'], ['policy', 'check']]) {
      const { stdout, stderr } = cli(runner, args, project)
      assert.doesNotMatch(stdout + stderr, /[\u{1b}\u{9b}\u{7}\u{202e}]/u, args.join(' '))
    }
  })

  test(`the plan says where each value comes from${as}`, () => {
    put(runner, 'project/glovebox.toml', '[mcpServers.s]\ncommand = "true"\n[mcpServers.s.sandbox.limits]\npids = 33\n')
    put(runner, 'project/profiles/s.profile', '# mine\nrlimit-nofile 777\n')
    assert.equal(cli(runner, ['trust', '--yes'], project).code, 0)
    const { stdout, stderr, code } = cli(runner, ['run', '--memory', '64M', '--dry-run', 's'], project)
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^memory +64 MiB +--memory$/m)
    assert.match(stdout, /^pids +33 +\S*project\/glovebox\.toml:4:1$/m)
    assert.match(stdout, /^open files +777 +\S*profiles\/s\.profile:2$/m)
    assert.match(stdout, /^cpus +1 +default$/m)
  })

  test(`policy check tells all that is wrong, policy diff what differs${as}`, () => {
    const file = put(
      runner,
      'project/glovebox.json',
      '{ "mcpServers": { "a": { "comand": "x" }, "b": { "command": "y", "sandbox": { "driver": "z" } } } }',
    )
    const checked = cli(runner, ['policy', 'check'], project)
    assert.equal(checked.code, 2)
    assert.match(checked.stdout, /:1:26: mcpServers\.a: there is no key "comand"/)
    assert.match(checked.stdout, /mcpServers\.b\.sandbox\.driver: "z" is not one of/)
    writeFileSync(
      file,
      '{ "mcpServers": { "a": { "command": "x" }, "b": { "command": "x", "sandbox": { "limits": { "pids": 9 } } } } }',
    )
    assert.equal(cli(runner, ['policy', 'check'], project).code, 0)
    const differ = cli(runner, ['policy', 'diff', 'a', 'b', '--json'], project)
    assert.equal(differ.code, 1)
    assert.deepEqual(JSON.parse(differ.stdout), {
      schema: 'glovebox/policy-diff/1',
      a: 'a',
      b: 'b',
      differences: [{ key: 'limits.pids', a: ['128'], b: ['9'] }],
    })
    assert.equal(cli(runner, ['policy', 'diff', 'a', `${file}#a`], project).code, 0)
  })

  test(`a servers.json of another program is run with --config${as}`, async () => {
    const servers = {
      mcpServers: { every: { command: 'node', args: [server, 'stdio'], env: { A: '1' }, enabled: true } },
    }
    const config = put(runner, 'project/servers.json', JSON.stringify(servers))
    const { client, close } = await connect(runner, glovebox(runner, ['run', '--config', config, 'every']))
    const echo = await client.callTool({ name: 'echo', arguments: { message: 'hello' } })
    assert.match(JSON.stringify(echo), /hello/)
    await close()
    const unknown = cli(runner, ['run', '--config', config, 'evry'])
    assert.deepEqual([unknown.code, /did you mean "every"/.test(unknown.stderr)], [2, true])
    const gone = put(runner, 'project/gone.json', JSON.stringify({ mcpServers: { here: { command: 'not-there' } } }))
    const missing = cli(runner, ['run', '--config', gone, 'here'])
    assert.deepEqual([missing.code, /not-there: no such program/.test(missing.stderr)], [127, true], missing.stderr)
    const more = cli(runner, ['run', '--config', config, '--', 'every', '-e'])
    assert.equal(more.code, 2)
    assert.match(more.stderr, /behind the name of a server nothing stands, and there is "-e"/)
  })

  test(`the command of a file that --config names is found from the directory of that file${as}`, () => {
    const script = put(runner, 'project/bin/here.sh', '#!/bin/sh\necho here >&2\n')
    chmodSync(script, 0o755)
    const config = put(
      runner,
      'project/own.json',
      JSON.stringify({ mcpServers: { own: { command: './bin/here.sh' } } }),
    )
    const { stderr } = cli(runner, ['run', '--config', config, 'own'])
    assert.match(stderr, /^here$/m)
  })

  test(`options behind the name of a server are told to come before it${as}`, () => {
    const added = cli(runner, ['add', 'every', '--', 'node', server, 'stdio'])
    assert.equal(added.code, 0, added.stderr)
    const { code, stderr } = cli(runner, ['run', 'every', '--dry-run'])
    assert.deepEqual(
      [code, /"every" is a configured server.*glovebox run --dry-run every/s.test(stderr)],
      [2, true],
      stderr,
    )
    const near = cli(runner, ['run', 'evry'])
    assert.deepEqual([near.code, /did you mean the server "every"/.test(near.stderr)], [127, true], near.stderr)
  })

  test(`a manifest holds: memory, variables, programs and tools${as}`, () => {
    const manifest = put(
      runner,
      'project/m.json',
      JSON.stringify({
        env_vars: { FROM: 'manifest' },
        readonly_mounts: [project],
        allowed_runtimes: ['sh', 'cat', 'env'],
      }),
    )
    const run = (words: readonly string[]): Ended =>
      cli(runner, ['exec', '--manifest', manifest, '--', ...words], project)
    assert.match(run(['env']).stdout, /^FROM=manifest$/m)
    assert.equal(run(['cat', manifest]).stdout, readFileSync(manifest, 'utf8'))
    assert.notEqual(run(['sh', '-c', 'ls /']).code, 0)
    assert.notEqual(run(['sh', '-c', `echo x > ${project}/new`]).code, 0)
    assert.equal(existsSync(path.join(project, 'new')), false)
  })
}
