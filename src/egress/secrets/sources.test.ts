import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { GloveboxError } from '../../errors.ts'
import { toSecret, type SecretWords } from '../../policy/secret-words.ts'
import { readSources, type SourceOptions } from './sources.ts'

const root = mkdtempSync(path.join(tmpdir(), 'glovebox-secrets-'))
after(() => rmSync(root, { recursive: true, force: true }))

function put(name: string, text: string | Buffer, mode: number = 0o600): string {
  const file = path.join(root, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
  chmodSync(file, mode)
  return file
}

interface Tried {
  readonly value: string
  readonly warnings: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

async function read(
  from: string,
  more: Partial<SourceOptions> & { words?: Partial<SecretWords> } = {},
): Promise<Tried> {
  const warnings: string[] = []
  const env = { PATH: process.env['PATH'], ...more.env }
  const secret = toSecret('TOKEN', { from, hosts: ['h.example:80'], ...more.words })
  const values = await readSources([secret], { cwd: root, warn: (text) => warnings.push(text), ...more, env })
  return { value: values.get('TOKEN') ?? '', warnings, env }
}

/** It fails, says which secret and why, and not what was read. */
async function refuses(from: string, why: RegExp, more: Parameters<typeof read>[1] = {}): Promise<void> {
  await assert.rejects(read(from, more), (error) => {
    assert.ok(error instanceof GloveboxError, String(error))
    assert.match(error.message, /^secrets\.TOKEN/)
    assert.match(error.message, why)
    assert.ok(error.fix)
    const all = [error.message, error.fix, String(error.cause), error.stack].join('\n')
    assert.ok(!all.includes('sesame'), all)
    return true
  })
}

test('a variable is read and taken out of our environment', async () => {
  const { value, env } = await read('env:MINE', { env: { MINE: 'opensesame' } })
  assert.equal(value, 'opensesame')
  assert.equal('MINE' in env, false)
})

test('two secrets may come from one variable', async () => {
  const secrets = ['A', 'B'].map((name) => toSecret(name, { from: 'env:MINE', expose: 'env' }))
  const values = await readSources(secrets, { cwd: root, env: { MINE: 'opensesame' }, warn: assert.fail })
  assert.deepEqual([...values.values()], ['opensesame', 'opensesame'])
})

test('a variable that is not there is an error that names it', async () => {
  await refuses('env:MISSING', /there is no variable MISSING/)
})

test('one newline at the end of a file is cut, and no more', async () => {
  put('token', 'opensesame\n')
  assert.equal((await read('file:token')).value, 'opensesame')
  assert.equal((await read(`file:${path.join(root, 'token')}`)).value, 'opensesame')
  put('windows', 'opensesame\r\n')
  assert.equal((await read('file:windows')).value, 'opensesame')
  put('two', 'opensesame\n\n')
  await refuses('file:two', /a line break/)
})

test('a file that others may read is told, one that others may write to is refused', async () => {
  put('shown', 'opensesame', 0o644)
  const { value, warnings } = await read('file:shown')
  assert.equal(value, 'opensesame')
  assert.match(warnings.join(), /others may read .*shown/)
  put('open', 'opensesame', 0o666)
  await refuses('file:open', /others may write to this file/)
})

test('what is no file of one line of text is refused', async () => {
  put('empty', '')
  put('newline', '\n')
  put('lines', 'open\nsesame')
  put('binary', Buffer.from([0x73, 0x65, 0xff, 0xfe, 0x73, 0x61, 0x6d, 0x65]))
  put('nul', 'open\0sesame')
  put('large', 'sesame'.repeat(20_000))
  put('short', 'sesame')
  put('blank', 'opensesame ')
  put('accent', 'opensésame')
  mkdirSync(path.join(root, 'directory'))
  await refuses('file:missing', /no such file/i)
  await refuses('file:directory', /not a file/)
  await refuses('file:empty', /it is empty/)
  await refuses('file:newline', /it is empty/)
  await refuses('file:lines', /a line break/)
  await refuses('file:binary', /not text/)
  await refuses('file:nul', /a control character/)
  await refuses('file:large', /longer than/)
  await refuses('file:short', /shorter than 8 bytes/)
  await refuses('file:blank', /blanks at its ends/)
  await refuses('file:accent', /ASCII/)
  assert.equal((await read('file:accent', { words: { query: 'key' } })).value, 'opensésame')
})

test('a command is run without a shell, and what it prints is the value', async () => {
  put('bin/give', '#!/bin/sh\necho "open$1"\n', 0o755)
  assert.equal((await read("cmd:bin/give 'sesame'")).value, 'opensesame')
  const env = { PATH: `${root}/bin:${process.env['PATH']}` }
  assert.equal((await read('cmd:give sesame', { env })).value, 'opensesame')
  await refuses('cmd:give sesame; id', /";" is for a shell/)
})

test('a command that fails is told by its exit code, not by what it wrote', async () => {
  put('bin/fail', '#!/bin/sh\necho sesame; echo sesame >&2; exit 7\n', 0o755)
  put('bin/flood', '#!/bin/sh\nexec yes sesame\n', 0o755)
  await refuses('cmd:bin/fail', /ended with exit code 7/)
  await refuses('cmd:bin/flood', /printed more than/)
  await refuses('cmd:no-such-program', /there is no program no-such-program/)
})

test('a command that does not end is ended', async () => {
  put('bin/hang', '#!/bin/sh\necho sesame; exec tail -f /dev/null\n', 0o755)
  await refuses('cmd:bin/hang', /took longer than 0\.2 s/, { commandMs: 200 })
})

test('the keyring is asked for the account and then for the user of a service', async () => {
  put(
    'tools/secret-tool',
    '#!/bin/sh\n[ "$*" = "lookup service https://h.example/x username me" ] || exit 1\nprintf opensesame\n',
    0o755,
  )
  const env = { PATH: `${root}/tools:${process.env['PATH']}` }
  assert.equal((await read('keyring:https://h.example/x/me', { env })).value, 'opensesame')
  await refuses('keyring:other/me', /no such entry/, { env })
})

test('without secret-tool the error names its package', async () => {
  await assert.rejects(read('keyring:h.example/me', { env: { PATH: root } }), (error) => {
    assert.ok(error instanceof GloveboxError)
    assert.equal(error.code, 'HOST_CANNOT')
    assert.match(error.fix ?? '', /libsecret-tools/)
    return true
  })
})
