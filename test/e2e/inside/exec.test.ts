import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { usualRunners } from '../../support/as-user.ts'
import { eventually } from '../../support/eventually.ts'
import { running, type Running } from '../../support/running.ts'
import { within } from '../../support/timed.ts'
import { hasNoProcess, ownMarker, pidsWith } from '../../contract/processes.ts'

/** Whether `sleep` itself runs, and not only our command that has its words too. */
function sleeps(marker: string): boolean {
  return pidsWith(`sleep\0${marker}`).some((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n')
}

/** Whether a process with this word in its command line runs in the sandbox. */
async function runs(box: Running, word: string): Promise<boolean> {
  const { stdout, code } = await box.exec(
    'sh',
    '-c',
    'for f in /proc/[0-9]*/cmdline; do tr "\\0" " " < $f; echo; done 2>/dev/null; true',
  )
  assert.equal(code, 0)
  return stdout.split('\n').some((line) => line.startsWith(word))
}

for (const runner of usualRunners()) {
  const as = ` (${runner.name})`

  test(`exec NAME gives the program's own exit code, signal, output and errors${as}`, async (t) => {
    const box = await running(t, runner)
    assert.equal((await box.exec('true')).code, 0)
    assert.equal((await box.exec('sh', '-c', 'exit 42')).code, 42)
    assert.equal((await box.exec('sh', '-c', 'kill -9 $$')).code, 137)
    const { stdout, stderr, code } = await box.exec('sh', '-c', 'echo out; echo err >&2')
    assert.deepEqual([stdout, stderr, code], ['out\n', 'err\n', 0])
  })

  test(`what the sandbox does not have, or cannot execute, has its own exit code${as}`, async (t) => {
    const box = await running(t, runner)
    const missing = await box.exec('no-such-program-anywhere')
    assert.equal(missing.code, 127, missing.stderr)
    assert.equal((await box.exec('/etc/passwd')).code, 126)
    const unknown = await box.verb('exec', `${box.name}x`, '--', 'true').ended
    assert.equal(unknown.code, 2)
    assert.match(unknown.stderr, new RegExp(`did you mean "${box.name}"`))
    const wider = await box.verb('exec', '--read', '/etc', box.name, '--', 'true').ended
    assert.equal(wider.code, 2)
    assert.match(wider.stderr, /--read is for a new sandbox/)
    assert.equal((await box.verb('exec', '--workdir', '/tmp', '--', 'true').ended).code, 2)
  })

  test(`it is the same sandbox, under the same policy${as}`, async (t) => {
    const secret = path.join(runner.home, 'secret')
    writeFileSync(secret, 'secret')
    const box = await running(t, runner)
    assert.ok(await runs(box, 'sleep 1000'))
    assert.notEqual((await box.exec('cat', secret)).code, 0)
    const network = await box.exec('sh', '-c', 'cat /proc/net/dev | grep -vc lo:')
    assert.equal(network.stdout.trim(), '2', 'only the two heading lines')
    const outer = readFileSync('/proc/self/status', 'utf8')
    assert.match(outer, /^Seccomp:/m)
    const inner = await box.exec('cat', '/proc/self/status')
    assert.match(inner.stdout, /^CapEff:\t0000000000000000$/m)
    assert.match(inner.stdout, /^CapBnd:\t0000000000000000$/m)
    assert.match(inner.stdout, /^NoNewPrivs:\t1$/m)
    assert.match(inner.stdout, /^Seccomp:\t2$/m)
    assert.notEqual((await box.exec('sh', '-c', 'echo x > /etc/x')).code, 0)
    assert.notEqual((await box.exec('unshare', '-U', 'true')).code, 0)
  })

  test(`variables and the working directory are the sandbox's, and what is given is added${as}`, async (t) => {
    const box = await running(t, runner, { flags: ['--env', 'FROM=plan'] })
    const env = await box.verb(
      'exec',
      '-e',
      'ADDED=1',
      '-e',
      'HOME',
      '--workdir',
      '/tmp',
      box.name,
      '--',
      'sh',
      '-c',
      'env; pwd',
    ).ended
    assert.equal(env.code, 0, env.stderr)
    for (const line of ['FROM=plan', 'ADDED=1', `HOME=${runner.home}`])
      assert.ok(env.stdout.includes(`${line}\n`), line)
    assert.ok(env.stdout.endsWith('\n/tmp\n'))
    assert.ok(!(await box.exec('env')).stdout.includes('GLOVEBOX_INSIDE'))
  })

  test(`a hundred megabytes go through both ways, byte by byte${as}`, async (t) => {
    const box = await running(t, runner)
    const bytes = randomBytes(100 * 1024 ** 2)
    const { child, ended } = box.verb('exec', box.name, '--', 'cat')
    const hash = createHash('sha256')
    let length = 0
    child.stdout?.removeAllListeners('data')
    child.stdout?.on('data', (chunk: Buffer) => {
      hash.update(chunk)
      length += chunk.length
    })
    child.stdin?.end(bytes)
    assert.equal((await ended).code, 0)
    assert.equal(length, bytes.length)
    assert.equal(hash.digest('hex'), createHash('sha256').update(bytes).digest('hex'))
  })

  test(`a reader that goes away ends the program, and an end of input reaches it${as}`, async (t) => {
    const box = await running(t, runner)
    const end = await within(5000, async (begin) => {
      const { child, ended } = box.verb('exec', box.name, '--', 'yes')
      child.stdout?.once('data', () => {
        begin()
        child.stdout?.destroy()
      })
      return ended
    })
    assert.ok(end.code === 141 || end.code === 1, `exit code ${end.code}: ${end.stderr}`)
    assert.equal((await box.verb('exec', '--no-interactive', box.name, '--', 'cat').ended).code, 0)
  })

  test(`a signal to us is a signal to the program, also when it reads nothing${as}`, async (t) => {
    const box = await running(t, runner)
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const end = await within(3000, async (begin) => {
        const { child, ended } = box.verb('exec', box.name, '--', 'sh', '-c', 'echo up; exec sleep 777')
        child.stdin?.on('error', () => undefined) // it may end while we write
        child.stdin?.write(Buffer.alloc(8 * 1024 ** 2))
        let output = ''
        child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
        await eventually(() => (output.includes('up') ? true : undefined))
        begin()
        child.kill(signal)
        return ended
      })
      assert.equal(end.code, code)
    }
    assert.equal(await runs(box, 'sleep 777'), false)
  })

  test(`kill -9 of our command ends the program within a second${as}`, async (t) => {
    const box = await running(t, runner)
    await within(1000, async (begin) => {
      // Looked for from outside: each look from inside would start a command of ours first.
      const marker = ownMarker()
      const { child } = box.verb('exec', box.name, '--', 'sleep', marker)
      const killed = once(child, 'exit')
      await eventually(() => (sleeps(marker) ? true : undefined))
      begin()
      child.kill('SIGKILL')
      await killed
      await hasNoProcess(marker)
    })
  })

  test(`kill -9 of the sandbox's owner ends our command within a second${as}`, async (t) => {
    const { box, end } = await within(1500, async (begin) => {
      const box = await running(t, runner)
      const { child, ended } = box.verb('exec', box.name, '--', 'sh', '-c', 'echo up; sleep 779')
      await new Promise((resolve) => child.stdout?.once('data', resolve))
      begin()
      box.owner.kill('SIGKILL')
      return { box, end: await ended }
    })
    assert.ok(end.code === 1 || end.code === 137, `exit code ${end.code}`)
    const status = await box.verb('status', '--json').ended
    assert.ok(!status.stdout.includes(box.name))
  })

  test(`status, ps and stats tell what runs and what it uses${as}`, async (t) => {
    const box = await running(t, runner)
    type Listed = { sandboxes: { name: string; id: string; memoryBytes: number | null; processes: number | null }[] }
    for (const verb of ['status', 'ps']) {
      const { stdout } = await box.verb(verb, '--json').ended
      assert.ok((JSON.parse(stdout) as Listed).sandboxes.some(({ name }) => name === box.name))
    }
    const { stdout, stderr, code } = await box.verb('stats', box.name, '--json').ended
    assert.equal(code, 0, stderr)
    const [stats] = (JSON.parse(stdout) as Listed).sandboxes
    assert.equal(stats?.name, box.name)
    assert.ok((stats?.processes ?? 0) >= 2, stdout)
    assert.match((await box.verb('stats').ended).stdout, new RegExp(box.name))
    assert.equal((await box.verb('stats', 'no-such-box').ended).code, 2)
  })

  test(`each way in is in the record, in an unbroken chain of its own${as}`, async (t) => {
    const box = await running(t, runner)
    assert.equal((await box.exec('sh', '-c', 'exit 7')).code, 7)
    const query = await box.verb('audit', 'query', '--server', box.name, '--kind', 'entry', '--json').ended
    const events = query.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { unmapped: { command: string[]; kind: string } })
    assert.deepEqual(
      events.map(({ unmapped }) => [unmapped.kind, unmapped.command]),
      [['exec', ['sh', '-c', 'exit 7']]],
    )
    const ends = await box.verb('audit', 'query', '--server', box.name, '--kind', 'entry-end').ended
    assert.match(ends.stdout, /exit code 7/)
    assert.equal((await box.verb('audit', 'verify').ended).code, 0)
  })

  test(`without a record nobody goes in${as}`, async (t) => {
    const box = await running(t, runner)
    const blocked = path.join(runner.home, 'blocked')
    mkdirSync(blocked, { recursive: true })
    writeFileSync(path.join(blocked, 'glovebox'), 'a file where the record would be')
    const program = [runner.node, path.join(runner.root, 'bin/glovebox.cjs')] as const
    const child = runner.spawnSync(program[0], [program[1], 'exec', box.name, '--', 'true'], {
      env: { ...runner.env, XDG_STATE_HOME: blocked },
    } as object)
    assert.notEqual(child.status, 0)
    assert.match(child.stderr, /record|audit/)
  })
}
