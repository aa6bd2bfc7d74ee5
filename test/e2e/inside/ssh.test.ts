import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { hasNoProcess, hasProcess, ownMarker, pidsWith } from '../../contract/processes.ts'
import { ordinaryUser, usualRunners, type Runner } from '../../support/as-user.ts'
import { eventually } from '../../support/eventually.ts'
import { glovebox } from '../../support/mcp-client.ts'
import { unlessPresent } from '../../support/requirement.ts'
import { running } from '../../support/running.ts'
import { clientsOf, ended, whyNoSsh } from '../../support/ssh.ts'
import { terminalOf, whyNoTerminal } from '../../support/terminal.ts'

const skip = unlessPresent('SSH', whyNoSsh())
const sum = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

function own(runner: Runner, file: string): string {
  fs.lchownSync(file, runner.uid, runner.gid)
  return file
}

// The examples of docs/ssh.md: programs, terminals, ports, and the clients that read the ssh_config.
for (const runner of usualRunners()) {
  const as = ` (${runner.name})`

  test(
    `ssh runs a program with its streams, its exit code and its signal${as}`,
    { skip, timeout: 60_000 },
    async (t) => {
      const box = await running(t, runner)
      const clients = clientsOf(runner)
      const host = `${box.name}.glovebox`
      const done = await clients.run('ssh', host, 'printf "a\\0b"; echo problem >&2; exit 7')
      assert.deepEqual([done.stdout.toString(), done.stderr, done.code], ['a\0b', 'problem\n', 7])
      // As ssh has it for a program that a signal ended.
      assert.equal((await clients.run('ssh', host, 'kill -9 $$')).code, 255)
      assert.equal((await clients.run('ssh', host, 'no-such-program')).code, 127)
      const mine = await box.verb('ssh', box.name, '--', 'echo "from $0"; exit 3').ended
      if (runner.uid === process.getuid?.())
        assert.deepEqual([mine.code, mine.stdout], [3, 'from /bin/bash\n'], mine.stderr)
    },
  )

  test(
    `a tree is copied by scp with its modes and times, and by sftp by hand${as}`,
    { skip, timeout: 60_000 },
    async (t) => {
      const box = await running(t, runner)
      const clients = clientsOf(runner)
      const host = `${box.name}.glovebox`
      const tree = own(runner, fs.mkdtempSync(path.join(runner.home, 'tree-')))
      fs.mkdirSync(path.join(tree, 'sub dir'))
      own(runner, path.join(tree, 'sub dir'))
      fs.writeFileSync(path.join(tree, 'sub dir/ü'), 'deep', { mode: 0o640 })
      own(runner, path.join(tree, 'sub dir/ü'))
      fs.utimesSync(path.join(tree, 'sub dir/ü'), 1_600_000_000, 1_600_000_000)
      const up = await clients.run('scp', '-qrp', tree, `${host}:/tmp/tree`)
      assert.equal(up.code, 0, up.stderr)
      const seen = await clients.run('ssh', host, 'stat -c "%a %Y %s" "/tmp/tree/sub dir/ü"')
      assert.equal(seen.stdout.toString(), '640 1600000000 4\n', seen.stderr)
      const back = path.join(runner.home, `back-${path.basename(tree)}`)
      const down = await clients.run('scp', '-qrp', `${host}:/tmp/tree`, back)
      assert.equal(down.code, 0, down.stderr)
      const stat = fs.statSync(path.join(back, 'sub dir/ü'))
      assert.deepEqual([stat.mode & 0o777, stat.mtimeMs, stat.size], [0o640, 1_600_000_000_000, 4])

      const longer = path.join(runner.home, 'longer')
      fs.writeFileSync(longer, 'deeper')
      own(runner, longer)
      const steps = [
        'cd /tmp',
        'mkdir made',
        `put "${path.join(tree, 'sub dir/ü')}" made/a`,
        'chmod 600 made/a',
        'rename made/a made/b',
        'ln -s b made/c',
        'ls -l made',
        `get made/c ${path.join(runner.home, 'got')}`,
        `reput ${longer} made/b`,
        `get made/b ${path.join(runner.home, 'resumed')}`,
        '-rename made/b made/c',
        'rm made/c',
        'rm made/b',
        'rmdir made',
        '-get /etc/none',
        '-put /etc/hostname /usr/hostname',
      ]
      const batch = path.join(runner.home, 'batch')
      fs.writeFileSync(batch, `${steps.join('\n')}\n`)
      own(runner, batch)
      const byHand = await clients.run('sftp', '-q', '-b', batch, host)
      assert.equal(byHand.code, 0, byHand.stderr)
      assert.match(byHand.stdout.toString(), /-rw------- .* b\n.*lrwxrwxrwx .* c/s)
      assert.equal(fs.readFileSync(path.join(runner.home, 'got'), 'utf8'), 'deep')
      // What was there, and the rest of the longer one.
      assert.equal(fs.readFileSync(path.join(runner.home, 'resumed'), 'utf8'), 'deeper')
      assert.match(byHand.stderr, /\/etc\/none.*not found/i)
      assert.match(byHand.stderr, /\/usr\/hostname.*Permission denied/)
      assert.match(byHand.stderr, /rename .*Failure/)
      assert.equal((await clients.run('ssh', host, 'ls /tmp/made')).code, 2)
    },
  )
}

test('100 MB go through ssh, scp and sftp and come back the same', { skip, timeout: 240_000 }, async (t) => {
  const runner = ordinaryUser()
  const box = await running(t, runner)
  const clients = clientsOf(runner)
  const host = `${box.name}.glovebox`
  const bytes = randomBytes(100 * 1000 * 1000)
  const file = path.join(runner.home, 'large')
  fs.writeFileSync(file, bytes)
  own(runner, file)

  const cat = clients.start('ssh', host, 'cat')
  cat.stdin?.end(bytes)
  const through = await ended(cat)
  assert.deepEqual([through.code, sum(through.stdout)], [0, sum(bytes)], through.stderr)

  const up = await clients.run('scp', '-q', file, `${host}:/tmp/large`)
  assert.equal(up.code, 0, up.stderr)
  assert.match((await clients.run('ssh', host, 'sha256sum /tmp/large')).stdout.toString(), new RegExp(sum(bytes)))
  const back = path.join(runner.home, 'back')
  const down = await clients.run('scp', '-q', `${host}:/tmp/large`, back)
  assert.equal(down.code, 0, down.stderr)
  assert.equal(sum(fs.readFileSync(back)), sum(bytes))
})

test(
  'output and errors for a reader that is slow are neither mixed up nor lost',
  { skip, timeout: 60_000 },
  async (t) => {
    const runner = ordinaryUser()
    const box = await running(t, runner)
    const many = "head -c 9000000 /dev/zero | tr '\\0'"
    const child = clientsOf(runner).start('ssh', `${box.name}.glovebox`, `(${many} e >&2) & ${many} o; wait`)
    child.stdin?.end()
    const [out, err]: [Buffer[], Buffer[]] = [[], []]
    child.stderr?.on('data', (chunk: Buffer) => err.push(chunk))
    // Nobody reads the output until the errors have stopped coming, with every window full.
    let seen = -1
    await eventually(() => {
      const now = err.reduce((sum, { length }) => sum + length, 0)
      const isStill = now > 0 && now === seen
      seen = now
      return isStill ? true : undefined
    })
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk))
    const code = await new Promise((resolve) => child.once('close', resolve))
    const whole = (chunks: readonly Buffer[], letter: string): boolean =>
      Buffer.concat(chunks).equals(Buffer.alloc(9_000_000, letter))
    assert.equal(code, 0)
    assert.ok(whole(out, 'o') && whole(err, 'e'), `${Buffer.concat(out).length} ${Buffer.concat(err).length}`)
  },
)

test(
  'ssh on a terminal has its size, follows it, and is interrupted by Ctrl-C',
  { skip: skip || unlessPresent('TMUX', whyNoTerminal()), timeout: 60_000 },
  async (t) => {
    const runner = ordinaryUser()
    const box = await running(t, runner)
    const clients = clientsOf(runner)
    const terminal = terminalOf(t, runner, clients.words)
    await terminal.shows(/outside>/)
    terminal.type(`ssh -F ${clients.config} ${box.name}.glovebox -t 'PS1="inside> " exec sh'`, 'Enter')
    await terminal.shows(/^(?:outside> )*inside>/m)
    terminal.type('stty size; tty; echo $TERM', 'Enter')
    await terminal.shows(/^24 80\n\/dev\/pts\/\d+\nscreen/m)
    terminal.resize(100, 30)
    terminal.type('until test "$(stty size)" = "30 100"; do sleep 0.05; done; echo re""sized', 'Enter')
    await terminal.shows(/^resized$/m)
    terminal.type('sleep 500; echo "ended by $?"', 'Enter')
    await terminal.shows(/sleep 500/)
    terminal.type('C-c')
    terminal.type('Enter')
    terminal.type('echo "still $((6*7))"', 'Enter')
    await terminal.shows(/^still 42$/m)
    terminal.type('exit 9', 'Enter')
    await terminal.shows(/outside> $/m)
    terminal.type('echo "code $?"', 'Enter')
    await terminal.shows(/^code 9$/m)
  },
)

test(
  'ports and sockets of the sandbox are reached, and nothing else is forwarded',
  { skip, timeout: 60_000 },
  async (t) => {
    const runner = ordinaryUser()
    const box = await running(t, runner)
    const clients = clientsOf(runner)
    const host = `${box.name}.glovebox`
    // One connection of ssh's each (-W): what comes from stdin goes to what listens, and its answer to stdout.
    const listener = clients.start('ssh', host, `python3 -c ${quoted(echoServers)}`)
    let said = ''
    listener.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    listener.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await eventually(() => (said.includes('listens') ? true : undefined))
    const bytes = randomBytes(3_000_000)
    const through = clients.start('ssh', '-W', 'localhost:4567', host)
    through.stdin?.end(bytes)
    const answered = await ended(through)
    assert.deepEqual([answered.code, sum(answered.stdout)], [0, sum(bytes)], answered.stderr)

    const local = path.join(runner.home, 'local-socket')
    const forwarding = clients.start('ssh', '-o', 'ExitOnForwardFailure=yes', '-NL', `${local}:/tmp/socket`, host)
    await eventually(() => (fs.existsSync(local) ? true : undefined))
    const asked = runner.spawnSync(runner.node, [
      '-e',
      `require('net').connect(process.argv[1]).on('data', (b) => { process.stdout.write(b); process.exit() }).write('hello')`,
      local,
    ])
    assert.equal(asked.stdout, 'hello', asked.stderr)
    forwarding.kill()
    await ended(forwarding)

    // Something of this machine's that listens, and is not found through the sandbox.
    const outside = createServer((socket) => socket.end('outside'))
    await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve))
    t.after(() => outside.close())
    const { port } = outside.address() as { port: number }
    const missed = await clients.run('ssh', '-W', `127.0.0.1:${port}`, host)
    assert.notEqual(missed.code, 0)
    assert.equal(missed.stdout.toString(), '')
    const elsewhere = await clients.run('ssh', '-W', '192.0.2.1:80', host)
    assert.match(elsewhere.stderr, /192\.0\.2\.1:80 is not in the sandbox/)

    const backwards = await clients.run(
      'ssh',
      '-o',
      'ExitOnForwardFailure=yes',
      '-R',
      `4568:127.0.0.1:${port}`,
      host,
      'true',
    )
    assert.match(backwards.stderr, /-R is refused/)
    assert.equal(backwards.code, 255)
    listener.kill()
    await ended(listener)
  },
)

test('an agent is not forwarded, whatever the client asks for', { skip, timeout: 60_000 }, async (t) => {
  const runner = ordinaryUser()
  const box = await running(t, runner)
  const clients = clientsOf(runner).altered((config) => config.replaceAll(/(?:IdentityAgent|ForwardAgent) .*/g, ''))
  const script = [
    'eval "$(ssh-agent)" >&2',
    `ssh -A -F ${clients.config} ${box.name}.glovebox 'echo "<$SSH_AUTH_SOCK>"; find / -xdev -type s -name "agent*" 2>/dev/null'`,
    'kill $SSH_AGENT_PID',
  ].join('; ')
  const done = await clients.plain('sh', '-c', script)
  assert.equal(done.stdout.toString(), '<>\n', done.stderr)
  assert.match(done.stderr, /agent forwarding is refused/)
})

test('a client that is killed leaves nothing in the sandbox and nothing here', { skip, timeout: 60_000 }, async (t) => {
  const runner = ordinaryUser()
  const box = await running(t, runner)
  const clients = clientsOf(runner)
  const marker = ownMarker()
  const child = clients.start('ssh', `${box.name}.glovebox`, `sleep ${marker} & sleep ${marker}; wait`)
  // ssh itself, the shell and two sleeps.
  await eventually(() => (pidsWith(marker).length >= 4 ? true : undefined))
  await hasProcess(`--proxy\0${box.name}`)
  const [ssh] = await hasProcess(`-F\0${clients.config}`)
  process.kill(ssh ?? -1, 'SIGKILL')
  await ended(child)
  await hasNoProcess(marker)
  await hasNoProcess(`--proxy\0${box.name}`)
  const after = await box.exec('sh', '-c', 'echo still here')
  assert.equal(after.stdout, 'still here\n', after.stderr)
})

test('only the key of this user comes in, and only our server is believed', { skip, timeout: 60_000 }, async (t) => {
  const runner = ordinaryUser()
  const box = await running(t, runner)
  const clients = clientsOf(runner)
  const host = `${box.name}.glovebox`
  const directory = path.dirname(clients.config)
  assert.equal(fs.statSync(directory).mode & 0o777, 0o700)
  for (const name of ['host_key', 'user_key']) assert.equal(fs.statSync(path.join(directory, name)).mode & 0o777, 0o600)

  const other = path.join(runner.home, 'other')
  const made = await clients.plain('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', other)
  assert.equal(made.code, 0, made.stderr)
  const stranger = clients.altered((config) => config.replaceAll(/IdentityFile .*/g, `IdentityFile ${other}`))
  const refused = await stranger.run('ssh', host, 'echo in')
  assert.equal(refused.stdout.toString(), '')
  assert.match(refused.stderr, /Permission denied \(publickey\)/)
  for (const method of ['none', 'password', 'keyboard-interactive']) {
    const without = clients.altered((config) =>
      config.replaceAll('Authentications publickey', `Authentications ${method}`),
    )
    const done = await without.run('ssh', '-o', 'BatchMode=yes', host, 'echo in')
    assert.deepEqual([done.stdout.toString(), done.code], ['', 255], method)
  }

  const known = path.join(runner.home, 'known')
  fs.writeFileSync(known, `glovebox ${fs.readFileSync(`${other}.pub`, 'utf8')}`)
  own(runner, known)
  const mistaken = clients.altered((config) =>
    config.replaceAll(/UserKnownHostsFile .*/g, `UserKnownHostsFile ${known}`),
  )
  const wrong = await mistaken.run('ssh', host, 'true')
  assert.equal(wrong.code, 255)
  assert.match(wrong.stderr, /Host key verification failed/)
})

test('a name that runs nowhere is told before ssh starts, and by --proxy', { timeout: 30_000 }, async () => {
  const runner = ordinaryUser()
  for (const words of [
    ['ssh', 'nobody'],
    ['ssh', '--proxy', 'nobody'],
  ]) {
    const [program, ...args] = glovebox(runner, words)
    const child = runner.spawn(program, args, { stdio: 'pipe' })
    const done = await ended(child)
    assert.equal(done.code, 2, done.stderr)
    assert.match(done.stderr, /no sandbox named "nobody" is running/)
  }
})

test('what went in by ssh is in the record', { skip, timeout: 60_000 }, async (t) => {
  const runner = ordinaryUser()
  const box = await running(t, runner)
  const done = await clientsOf(runner).run('ssh', `${box.name}.glovebox`, 'exec cat /etc/hostname')
  assert.equal(done.code, 0, done.stderr)
  const { stdout } = await box.verb('audit', 'query', '--json', '--server', box.name).ended
  assert.match(stdout, /"ssh into /)
  assert.match(stdout, /\/cat"/)
})

test(
  'how a visit by ssh ended is in the record, though ssh ends us by a signal',
  { skip, timeout: 60_000 },
  async (t) => {
    const runner = ordinaryUser()
    const box = await running(t, runner)
    for (const command of ['true', 'exit 4']) await clientsOf(runner).run('ssh', `${box.name}.glovebox`, command)
    const kinds = async (kind: string): Promise<number> => {
      const { stdout } = await box.verb('audit', 'query', '--json', '--server', box.name, '--kind', kind).ended
      return stdout.split('\n').filter((line) => line !== '').length
    }
    assert.equal(await kinds('entry'), 2)
    // ssh does not wait for us.
    while ((await kinds('entry-end')) < 2) await new Promise((resolve) => setTimeout(resolve, 50))
  },
)

/** What comes on a port, and on a socket, goes back. */
const echoServers = `
import socket, threading
def answer(connection):
    while data := connection.recv(65536):
        connection.sendall(data)
    connection.close()
def serve(listener):
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
tcp = socket.create_server(("127.0.0.1", 4567))
unix = socket.socket(socket.AF_UNIX)
unix.bind("/tmp/socket")
unix.listen()
print("listens", flush=True)
threading.Thread(target=serve, args=(tcp,), daemon=True).start()
serve(unix)
`

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
