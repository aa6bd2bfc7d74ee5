import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { createInterface } from 'node:readline'
import { runners, type Runner } from '../support/as-user.ts'
import { bytesUnlessGone, filesBelow } from '../support/files-below.ts'
import { glovebox, start, type Ended } from '../support/mcp-client.ts'

/** Never in a file of the project, so that where it is found it has come from a source. */
const newValue = (): string => `s3same/${randomBytes(8).toString('hex')}`

function put(runner: Runner, name: string, text: string, mode: number): string {
  const file = path.join(runner.home, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
  chmodSync(file, mode)
  for (const each of [path.dirname(file), file]) chownSync(each, runner.uid, runner.gid)
  return file
}

/** The same value out of each kind of source: the source, and what of the environment it needs. */
const sources: Readonly<
  Record<string, (runner: Runner, value: string) => { from: string; env?: Record<string, string> }>
> = {
  env: (_, value) => ({ from: 'env:GIVEN', env: { GIVEN: value } }),
  file: (runner, value) => ({ from: `file:${put(runner, 'keep/pass', `${value}\n`, 0o600)}` }),
  cmd: (runner, value) => {
    const pass = put(runner, 'keep/of-command', value, 0o600)
    return { from: `cmd:cat ${pass}` }
  },
  keyring: (runner, value) => {
    const pass = put(runner, 'keep/of-keyring', value, 0o600)
    const tool = put(runner, 'tools/secret-tool', `#!/bin/sh\nexec cat ${pass}\n`, 0o700)
    return { from: 'keyring:db/me', env: { PATH: `${path.dirname(tool)}:${runner.env['PATH']}` } }
  },
}

for (const runner of runners()) {
  const as = ` (${runner.name})`
  const talkative = path.join(runner.root, 'test/fixtures/talkative-server.mjs')

  for (const [kind, sourceOf] of Object.entries(sources)) {
    test(`an exposed secret from ${kind} is in the server and in nothing that comes out of the start${as}`, async () => {
      const value = newValue()
      const { from, env = {} } = sourceOf(runner, value)
      const receipt = path.join(runner.home, `receipt-${kind}.json`)
      const words = ['run', '--receipt', receipt, '--secret', `PASS=${from}@expose=env`, '--', 'node', talkative]
      const [program, ...args] = glovebox(runner, words)
      const child = runner.spawn(program, args, { stdio: 'pipe', env: { ...runner.env, ...env } })
      let [stdout, stderr] = ['', '']
      child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
      const ask = (id: number, method: string, params: object): void =>
        void child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
      ask(1, 'initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 't', version: '1' } })
      const ended = new Promise((resolve) => void child.once('close', resolve))
      assert.ok(child.stdout)
      for await (const line of createInterface({ input: child.stdout })) {
        stdout += line
        const { id, result } = JSON.parse(line) as { id: number; result: { content?: { text: string }[] } }
        if (id === 1) ask(2, 'tools/call', { name: 'tell', arguments: {} })
        if (id !== 2) continue
        assert.equal(result.content?.[0]?.text, String(value.length), 'the server has it')
        assert.deepEqual(processesWith(value, child.pid), [])
        child.stdin?.end()
      }
      await ended
      assert.ok(stderr.split('[secret PASS]').length > 4, stderr)
      assert.ok(
        spellings(value).every((each) => !`${stdout}${stderr}`.includes(each)),
        stderr,
      )
      assert.deepEqual(filesWith(value, runner), [])
      const { secrets } = JSON.parse(readFileSync(receipt, 'utf8')) as { secrets: { name: string; exposed: boolean }[] }
      assert.deepEqual([secrets[0]?.name, secrets[0]?.exposed], ['PASS', true])
      const record = filesBelow(runner.home)
        .filter((file) => file.includes('/audit/'))
        .flatMap((file) => bytesUnlessGone(file) ?? [])
      assert.match(record.join(), /\[secret PASS\]/)
    })
  }

  test(`no form of a plan, an error or a list reads a secret, or shows one${as}`, async () => {
    const value = newValue()
    const env = { ...runner.env, GIVEN: value }
    const bound = `T=env:GIVEN@api.example.org,intercept=true`
    const run = async (...words: string[]): Promise<Ended> => ended(runner, words, env)
    const config = put(
      runner,
      'secrets.json',
      JSON.stringify({
        mcpServers: {
          s: {
            command: 'true',
            sandbox: {
              network: { allow: ['api.example.org'] },
              secrets: {
                A: { from: 'env:GIVEN', hosts: ['api.example.org'], intercept: true },
                B: { from: 'cmd:touch was-run', expose: 'env' },
              },
            },
          },
        },
      }),
      0o600,
    )
    const all = await Promise.all([
      run('run', '--secret', bound, '--allow-net', 'api.example.org', '--dry-run', '--', 'true'),
      run('run', '--secret', bound, '--allow-net', 'api.example.org', '--dry-run', '--json', '--', 'true'),
      run('run', '--config', config, '--dry-run', 's'),
      run('show', '--config', config, 's'),
      run('show', '--config', config, '--json', 's'),
      run('list', '--config', config),
      run('policy', 'show', '--config', config, 's'),
    ])
    for (const { code, stdout, stderr } of all) {
      assert.equal(code, 0, stderr)
      assert.ok(!`${stdout}${stderr}`.includes(value))
    }
    for (const { stdout } of [...all.slice(0, 5), ...all.slice(6)]) assert.match(stdout, /env:GIVEN|"GIVEN"/)
    assert.ok(!readdirSync(runner.home).includes('was-run'), 'a plan runs no command')
    const refused = await run('exec', '--secret', 'T=env:GIVEN@expose=env', '--', 'echo', value)
    assert.equal(refused.code, 4)
    assert.match(refused.stderr, /has the value of the secret T in it/)
    assert.ok(!refused.stderr.includes(value))
    const typed = await run('exec', '--secret', `T=${value}`, '--', 'true')
    assert.equal(typed.code, 2)
    assert.ok(!typed.stderr.includes(value))
  })

  test(`what is put into requests is a placeholder inside, new for each start${as}`, async () => {
    const env = { ...runner.env, GIVEN: newValue() }
    const words = ['exec', '--allow-net', 'a.example:80', '--secret', 'T=env:GIVEN@a.example:80', '--', 'printenv', 'T']
    const [one, other] = [await ended(runner, words, env), await ended(runner, words, env)]
    assert.match(one.stdout, /^glovebox-secret-T-[\da-f]{32}\n$/, one.stderr)
    assert.notEqual(one.stdout, other.stdout)
  })

  test(`a variable that is copied beside its secret is the secret's, and no process that has it dumps core${as}`, async () => {
    const env = { ...runner.env, GIVEN: newValue() }
    const script = 'echo "$T"; grep "^Max core" /proc/self/limits'
    const words = ['exec', '--secret', 'T=env:GIVEN@expose=env', '--env', 'T=other', '--', 'sh', '-c', script]
    const { stdout, stderr } = await ended(runner, words, env)
    const [first, limit] = stdout.split('\n')
    assert.equal(first, env.GIVEN, stderr)
    assert.match(limit ?? '', /size +[01] +[01] +bytes/)
  })
}

async function ended(runner: Runner, words: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  return start(
    { ...runner, spawn: (program, args, options) => runner.spawn(program, args, { ...options, env }) },
    words,
  ).ended
}

function spellings(value: string): string[] {
  return [value, encodeURIComponent(value), Buffer.from(`me:${value}`).toString('base64').slice(4, -4)]
}

/** Processes that show the value to others: all in their arguments, ours in the environment that they were started with. */
function processesWith(value: string, ours: number | undefined): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const [command, environment] = [read(`/proc/${pid}/cmdline`), read(`/proc/${pid}/environ`)]
      // The variable that it was given is in what the kernel keeps of our own start; the server has it by wish.
      const mayHaveIt = pid === String(ours) || command.includes('talkative-server')
      return command.includes(value) || (environment.includes(value) && !mayHaveIt) ? [command] : []
    })
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch (error) {
    // It has ended meanwhile, or is another user's.
    if (
      error instanceof Error &&
      'code' in error &&
      ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(String(error.code))
    )
      return ''
    throw error
  }
}

/** Files of this identity that have it, but for those that it comes from. */
function filesWith(value: string, runner: Runner): string[] {
  return [runner.home, runner.tmp, runner.env['XDG_RUNTIME_DIR'] ?? '']
    .flatMap(filesBelow)
    .filter(
      (file) => !file.includes('/keep/') && spellings(value).some((each) => bytesUnlessGone(file)?.includes(each)),
    )
}
