import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { usualRunners, type Runner } from '../../support/as-user.ts'
import { eventually } from '../../support/eventually.ts'
import { bytesUnlessGone, filesBelow } from '../../support/files-below.ts'
import { everything, household, tiny } from '../../support/launching.ts'
import { glovebox, start } from '../../support/mcp-client.ts'

for (const runner of usualRunners()) {
  test(`VM-LAUNCH: a launched server goes on without its command, is shown, entered and stopped (${runner.name})`, (t) => {
    const house = household(t, runner)
    const launched = house.launch('--name', 'ev', '--', ...everything(runner))
    assert.equal(launched.name, 'ev')
    assert.ok(launched.tools > 5)
    const { sandboxes, servers } = house.status()
    assert.deepEqual(
      sandboxes.map(({ id }) => id),
      [launched.id],
    )
    assert.ok((servers[0]?.memoryBytes ?? 0) > 10 * 1024 ** 2, 'the memory of a Node is known')
    assert.match(house.ok('exec', 'ev', '--', 'id', '-un'), /\w/)
    assert.match(house.ok('stats', 'ev'), /ev/)
    for (const name of ['.', '..', '', './ev']) assert.equal(house.verb('stop', name).status, 2, `stop "${name}"`)
    const wrong = house.verb('stop', 'ev', 'nope')
    assert.match(wrong.stderr, /no server "nope" is launched, and none was ended\n {2}fix: launched are: ev/)
    assert.match(house.ok('stop', 'ev'), /ended/)
    assert.deepEqual(house.status().sandboxes, [])
    assert.equal(house.verb('stop', 'ev').status, 2)
  })

  test(`what is shown of a daemon is a session of its own, with nothing of its starter's (${runner.name})`, (t) => {
    const house = household(t, runner, { SOME_TOKEN: 'a-value-that-nobody-needs' })
    house.ok('launch', '--name', 'tiny', '--', ...tiny(runner))
    const pid = house.pid()
    assert.equal(statSync(`/proc/${pid}`).uid, runner.uid)
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
    assert.equal(fields[3], String(pid), 'the leader of its session (proc_pid_stat(5), field 6)')
    assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'latin1'), /SOME_TOKEN/)
    const modes = ['runtime', 'runtime/daemon.sock', 'runtime/daemon.json', 'state/daemon.sqlite'].map(
      (name) => statSync(path.join(house.home, name)).mode & 0o777,
    )
    assert.deepEqual(modes, [0o700, 0o600, 0o600, 0o600])
  })

  test(`a daemon that is killed takes its sandboxes with it, and the next command tells (${runner.name})`, async (t) => {
    const house = household(t, runner)
    const { id } = house.launch('--name', 'lost', '--', ...tiny(runner))
    process.kill(house.pid(), 'SIGKILL')
    await eventually(() => (house.status().sandboxes.length === 0 ? true : undefined))
    const { ended } = house.status()
    assert.deepEqual(
      ended.map(({ name }) => name),
      ['lost'],
    )
    assert.match(ended[0]?.how ?? '', /daemon was killed/)
    const again = house.launch('--name', 'lost', '--', ...tiny(runner))
    assert.notEqual(again.id, id)
    assert.deepEqual(house.status().ended, [])
  })

  test(`a launch says where the ports are that it publishes (${runner.name})`, (t) => {
    const house = household(t, runner)
    const told = house.ok('launch', '--publish', '0:3000', '--name', 'web', '--', ...tiny(runner))
    assert.match(told, /^http:\/\/127\.0\.0\.1:\d+ → port 3000$/m)
    house.ok('stop', 'web')
    const { published } = house.launch('--publish', '0:3000', '--', ...tiny(runner)) as unknown as {
      published: object[]
    }
    assert.deepEqual(Object.keys(published[0] ?? {}), ['address', 'port', 'inside'])
  })

  test(`whoever follows a log is told that the daemon was killed, in a sentence (${runner.name})`, async (t) => {
    const house = household(t, runner)
    const [node, server] = tiny(runner) as [string, string]
    const loud = 'console.error("ready"); import(process.argv[1])'
    house.launch('--name', 'lost', '--read', server, '--', node, '-e', loud, server)
    const settings = Object.entries(house.env).map(([name, value]) => `${name}=${value}`)
    const [program, ...args] = glovebox(runner, ['logs', '-f', 'lost'])
    const child = runner.spawn('env', ['-i', ...settings, program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    const told = text(child.stderr as Readable)
    await once(child.stdout as Readable, 'data')
    process.kill(house.pid(), 'SIGKILL')
    assert.match(await told, /^glovebox: the daemon has ended, or was killed\n {2}fix: .*\n$/)
  })

  test(`of two that start it at once one daemon is left, and both are served (${runner.name})`, async (t) => {
    const house = household(t, runner)
    const own = { ...runner, spawn: spawnIn(runner, house.env) }
    const both = await Promise.all(
      ['one', 'two', 'three'].map(
        async (name) => start(own, ['launch', '--json', '--name', name, '--', ...tiny(runner)]).ended,
      ),
    )
    for (const { code, stderr } of both) assert.equal(code, 0, stderr)
    assert.deepEqual(
      house
        .status()
        .servers.map(({ name }) => name)
        .toSorted(),
      ['one', 'three', 'two'],
    )
  })

  test(`who does not know the token is served nothing (${runner.name})`, async (t) => {
    const house = household(t, runner)
    house.ok('daemon', 'start')
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(path.join(house.home, 'runtime/daemon.sock'))
      let text = ''
      socket.on('data', (chunk) => (text += chunk.toString()))
      socket.once('close', () => resolve(text))
      socket.once('error', reject)
      socket.write('GET /v1/servers HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    })
    assert.match(answer, /^HTTP\/1\.1 401 /)
  })

  test(`a sandbox that was shown the place of the daemon cannot speak to it (${runner.name})`, (t) => {
    const house = household(t, runner)
    house.ok('daemon', 'start')
    const socket = path.join(house.home, 'runtime/daemon.sock')
    const program = `require('node:net').connect(${JSON.stringify(socket)}).on('connect', () => process.exit(9)).on('error', ({ code }) => console.log(code))`
    const tried = house.verb('exec', '--read', house.home, '--', runner.node, '-e', program)
    // It is masked there, with all of Glovebox's own.
    assert.equal(tried.status, 0, tried.stderr)
    assert.match(tried.stdout, /^(EACCES|ENOENT)\n$/)
  })

  test(`a daemon with nothing to own ends after its time, and leaves no file that says it is there (${runner.name})`, async (t) => {
    const house = household(t, runner)
    // Long enough for the start to ask it about itself on a busy machine.
    house.ok('daemon', 'start', '--idle', '8h')
    assert.match(house.ok('daemon', 'status'), /owns 0 servers; with none it ends after 8 h\n/)
    const { pid } = JSON.parse(house.ok('daemon', 'status', '--json')) as { pid: number }
    assert.match(house.ok('daemon', 'start', '--idle', '3s'), /ends after 3 s\n/)
    const after = JSON.parse(house.ok('daemon', 'status', '--json')) as { pid: number; idleMs: number }
    assert.deepEqual(after.pid === pid && after.idleMs, 3000, 'the one that runs has another time now')
    const file = path.join(house.home, 'runtime/daemon.json')
    await eventually(() => (existsSync(file) ? undefined : true))
    assert.equal(house.verb('daemon', 'status').status, 1)
    assert.deepEqual(
      readdirSync(path.join(house.home, 'runtime')).filter(
        (name) => name.startsWith('daemon') && name !== 'daemon.lock',
      ),
      [],
    )
  })

  test(`a name is taken once, and what does not start says why (${runner.name})`, (t) => {
    const house = household(t, runner)
    house.ok('launch', '--name', 'one', '--', ...tiny(runner))
    const again = house.verb('launch', '--name', 'one', '--', ...tiny(runner))
    assert.equal(again.status, 2)
    assert.match(again.stderr, /runs already[^]*glovebox stop one/)
    const noServer = house.verb('launch', '--name', 'no', '--', 'sh', '-c', 'echo sorry >&2; exit 3')
    assert.notEqual(noServer.status, 0)
    assert.match(noServer.stderr, /ended with exit code 3/)
    // Where a usage is printed to is up to a program.
    const usage = 'echo "usage: server --port N"; echo sorry >&2; exit 3'
    const wrong = house.verb('launch', '--name', 'wrong', '--', 'sh', '-c', usage)
    assert.match(wrong.stderr, /ended with exit code 3\n.*fix: what it wrote: glovebox logs wrong/)
    const logged = house.ok('logs', 'wrong').trim().split('\n')
    assert.deepEqual(new Set(logged), new Set(['usage: server --port N', 'sorry']))
    assert.deepEqual(house.status().servers.length, 1)
  })

  test(`a launch is given up when its time is over, and nothing of it is left (${runner.name})`, (t) => {
    const house = household(t, runner)
    const mute = ['--name', 'mute', '--', 'sh', '-c', 'echo I think about it >&2; exec sleep 3600']
    const late = house.verb('launch', '--timeout', '2s', ...mute)
    assert.equal(late.status, 124, late.stderr)
    assert.match(
      late.stderr,
      /"mute" had not started and answered within 2 s\n.*glovebox logs mute; give it more time: --timeout/,
    )
    assert.deepEqual([house.status().sandboxes, house.status().servers], [[], []])
    assert.equal(house.ok('logs', 'mute'), 'I think about it\n')
    assert.equal(house.verb('launch', '--timeout', 'soon', ...mute).status, 2)
    house.ok('launch', '--timeout', '5m', '--name', 'tiny', '--', ...tiny(runner))
  })

  test(`a secret of a launch is in no file and in no environment of ours (${runner.name})`, (t) => {
    // Written nowhere: what Node compiles of this file is kept below that home too.
    const token = `tok-${randomBytes(6).toString('hex')}`
    const house = household(t, runner, { API_KEY: token })
    const secret = ['--secret', 'API_KEY=env:API_KEY@api.example.org,intercept=true', '--allow-net', 'api.example.org']
    house.ok('launch', '--name', 'keyed', ...secret, '--', ...tiny(runner))
    const pid = house.pid()
    assert.ok(!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(token))
    const read = filesBelow(house.home).filter((file) => {
      const text = bytesUnlessGone(file)
      assert.ok(!text?.includes(token), file)
      return text !== undefined
    })
    assert.ok(read.length > 5, read.join('\n'))
  })

  test(`a daemon of another version that owns nothing makes way, and one that does says what to do (${runner.name})`, (t) => {
    const house = household(t, runner)
    const other = path.join(house.home, 'other')
    // The same program with another manifest, which is where the version stands.
    const copied = runner.spawnSync('sh', [
      '-c',
      `mkdir ${other} && cp -r ${runner.root}/bin ${runner.root}/src ${other}/ && ln -s ${['node_modules', 'profiles', 'catalog'].map((name) => path.join(runner.root, name)).join(' ')} ${other}/ && sed 's/"version": "[^"]*"/"version": "0.0.9"/' ${runner.root}/package.json > ${other}/package.json`,
    ])
    assert.equal(copied.status, 0, copied.stderr)
    const older = (...words: string[]) =>
      runner.spawnSync('env', [
        '-i',
        ...Object.entries(house.env).map(([name, value]) => `${name}=${value}`),
        runner.node,
        path.join(other, 'bin/glovebox.cjs'),
        ...words,
      ])
    const began = older('daemon', 'start')
    assert.match(began.stdout, /version 0\.0\.9/, began.stderr)
    house.ok('launch', '--name', 'kept', '--', ...tiny(runner))
    assert.doesNotMatch(house.ok('daemon', 'status'), /0\.0\.9/)
    const refused = older('launch', '--name', 'more', '--', ...tiny(runner))
    assert.equal(refused.status, 1, refused.stderr)
    assert.match(refused.stderr, /this is 0\.0\.9[^]*fix:[^]*glovebox daemon stop/)
    assert.match(older('daemon', 'stop').stdout, /with kept/)
  })
}

function spawnIn(runner: Runner, env: Readonly<Record<string, string>>) {
  return (program: string, args: readonly string[], options: object = {}) =>
    runner.spawn(program, args, { ...options, env: { ...env } })
}
