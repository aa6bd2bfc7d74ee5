import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Attempt } from '../explain/attempt.ts'
import { isWithin } from '../paths.ts'
import { choose } from './choose.ts'
import { together, nothingLearned, type Item, type Learned, type LookedUp, type View } from './learned.ts'
import { whySecret } from './secrets.ts'
import { wishesOf } from './wishes.ts'

const attempt: Attempt = {
  id: 'gbx-1:1',
  time: 0,
  server: 'x',
  kind: 'open',
  verdict: 'recorded',
  rule: 'kernel',
  program: '/usr/bin/prog',
  pid: 7,
  address: undefined,
  host: undefined,
  port: undefined,
  path: undefined,
  access: 'read',
  tool: undefined,
  detail: '',
}
const open = (path: string, access: 'read' | 'write' = 'read'): Attempt => ({ ...attempt, path, access })
const exec = (path: string, pid = 7): Attempt => ({ ...attempt, kind: 'exec', path, pid, access: undefined })
const refused = (host: string, port: number, more: Partial<Attempt> = {}): Attempt => ({
  ...attempt,
  kind: 'egress-refuse',
  verdict: 'denied',
  rule: 'network.default-deny',
  host,
  port,
  ...more,
})

const toItself: Attempt = { ...attempt, kind: 'connect', verdict: 'allowed', rule: 'loopback', access: undefined }

interface Host {
  readonly files?: readonly string[]
  readonly programs?: readonly string[]
  readonly links?: Readonly<Record<string, string>>
}

/** A host with these files, and the directories that they are in. */
function viewOf({ files = [], programs = [], links = {} }: Host, more: Partial<View> = {}): View {
  const all = [...files, ...programs, '/usr/bin/prog', '/home/ann/x', '/gbx/audit/x']
  const fact = (path: string): LookedUp => {
    const linked = Object.entries(links).find(([from]) => isWithin(path, from))
    const real = linked === undefined ? path : linked[1] + path.slice(linked[0].length)
    const isFile = all.includes(real)
    const isDirectory = !isFile && all.some((file) => isWithin(file, real))
    return {
      absolute: path,
      real: isFile || isDirectory ? real : undefined,
      kind: isFile ? 'file' : isDirectory ? 'directory' : 'missing',
      isExecutable: isFile && (programs.includes(real) || real === '/usr/bin/prog'),
      hasSecrets: all.some((file) => isWithin(file, real) && whySecret(file) !== undefined),
    }
  }
  return {
    mounts: [{ source: '/usr', target: '/usr', access: 'read', exec: true, owner: 'system', why: 'system' }],
    deny: [],
    startedIn: '/home/ann',
    cwd: '/home/ann',
    home: '/home/ann',
    own: ['/gbx'],
    executables: ['/usr/bin/prog'],
    fact,
    ...more,
  }
}

const values = (items: readonly Item[]): string[] => items.map(({ value }) => value)
const learn = (attempts: readonly Attempt[], host: Host = {}, more: Partial<View> = {}): Learned =>
  choose(wishesOf(attempts), viewOf(host, more))

test('a file that was asked for is given, alone; what was shown, and what is not there, is not', () => {
  const found = learn(
    [
      open('/srv/a/x'),
      open('/srv/a/x'),
      open('/usr/lib/y'),
      open('/srv/none'),
      open('/proc/self/maps'),
      open('/dev/null', 'write'),
    ],
    { files: ['/srv/a/x', '/srv/a/y', '/usr/lib/y'] },
  )
  assert.deepEqual(values(found.read), ['/srv/a/x'])
  assert.deepEqual([...(found.read[0]?.askers ?? [])], [['/usr/bin/prog', 2]])
  assert.deepEqual(found.write, [])
  assert.deepEqual(found.notGiven, [])
})

test('several files of one directory are the directory, as far up as that holds, and never one with a secret in it', () => {
  const files = [
    '/srv/p/a/1',
    '/srv/p/a/2',
    '/srv/p/a/3',
    '/srv/p/b',
    '/srv/p/c',
    '/srv/q/1',
    '/srv/q/2',
    '/srv/s/1',
    '/srv/s/2',
    '/srv/s/3',
    '/srv/s/d/.env',
  ]
  const found = learn(
    files.filter((file) => !file.endsWith('.env')).map((file) => open(file)),
    { files },
  )
  assert.deepEqual(values(found.read), ['/srv/p', '/srv/q/1', '/srv/q/2', '/srv/s/1', '/srv/s/2', '/srv/s/3'])
  assert.equal(found.read[0]?.entries, 5)
})

test('neither the home directory, nor what it is in, nor the top of the host is ever given', () => {
  const files = [
    '/home/ann/1',
    '/home/ann/2',
    '/home/ann/3',
    '/home/bob/1',
    '/home/bob/2',
    '/home/bob/3',
    '/etc/1',
    '/etc/2',
    '/etc/3',
  ]
  const found = learn([...files.map((file) => open(file)), open('/home/ann'), open('/home'), open('/'), open('/etc')], {
    files,
  })
  assert.deepEqual(values(found.read), [
    '/etc/1',
    '/etc/2',
    '/etc/3',
    '/home/ann/1',
    '/home/ann/2',
    '/home/ann/3',
    '/home/bob',
  ])
  assert.deepEqual(
    found.notGiven.map(({ what }) => what),
    ['/home/ann', '/home', '/etc'],
  )
})

test('secrets, what is a secret behind a link, and what is ours are told and not given', () => {
  const found = learn(
    [
      open('/home/ann/.ssh/id_ed25519'),
      open('/srv/link'),
      open('/gbx/audit/x'),
      open('/gbx/audit', 'write'),
      open('/home/ann/.aws/new', 'write'),
    ],
    {
      files: ['/home/ann/.ssh/id_ed25519', '/home/ann/.aws/credentials'],
      links: { '/srv/link': '/home/ann/.ssh/id_ed25519' },
    },
  )
  assert.deepEqual([...found.read, ...found.write], [])
  assert.equal(found.notGiven.length, 5)
})

test('to make a file its directory is needed; its own tmpfs takes what a sandbox writes there', () => {
  const found = learn(
    [
      open('/srv/out/new', 'write'),
      open('/srv/out/x', 'read'),
      open('/tmp/t/new', 'write'),
      open('/tmp/t/new'),
      open('/home/user/.cache/x', 'write'),
      open('/usr/x', 'write'),
    ],
    {
      files: ['/srv/out/x', '/tmp/t/new'],
    },
  )
  assert.deepEqual(values(found.write), ['/srv/out'])
  assert.deepEqual(found.read, [], 'what may be written may be read')
})

test('a file of the host’s /tmp that was read is given, when the sandbox did not write it itself', () => {
  assert.deepEqual(values(learn([open('/tmp/t/in')], { files: ['/tmp/t/in'] }).read), ['/tmp/t/in'])
})

test('one that is shown read-only and was to be written is given to be written', () => {
  const mounts = [
    { source: '/srv/p', target: '/srv/p', access: 'read', exec: true, owner: 'user', why: 'read' } as const,
  ]
  assert.deepEqual(values(learn([open('/srv/p/log', 'write')], { files: ['/srv/p/log'] }, { mounts }).write), [
    '/srv/p/log',
  ])
})

test('a relative path is beside where it was started, which is then given', () => {
  const host = { files: ['/srv/p/x'] }
  const from = { startedIn: '/srv/p', cwd: '/' }
  assert.deepEqual(values(learn([open('/x')], host, from).read), ['/srv/p'])
  assert.deepEqual(values(learn([open('/new', 'write')], host, from).write), ['/srv/p'])
  assert.deepEqual(
    learn([open('/x')], { files: ['/home/ann/x'] }, { startedIn: '/home/ann', cwd: '/' }).read,
    [],
    'never the home directory',
  )
})

test('files that the launcher writes, and that every C library looks for, are not learned', () => {
  const files = ['/etc/resolv.conf', '/etc/passwd', '/etc/gai.conf', '/etc/own.conf']
  assert.deepEqual(
    values(
      learn(
        files.map((file) => open(file)),
        { files },
      ).read,
    ),
    ['/etc/own.conf'],
  )
})

test('what is below a link at the top is what it leads to', () => {
  const found = learn([open('/lib/libc.so')], { files: ['/usr/lib/libc.so'], links: { '/lib': '/usr/lib' } })
  assert.deepEqual(found.read, [])
})

test('of a search along PATH only what was found counts; the command itself is no program of its own', () => {
  const programs = ['/home/ann/bin/git', '/usr/bin/git', '/home/ann/bin/own']
  const found = learn(
    [
      exec('/home/ann/bin/git'),
      exec('/usr/bin/git'),
      exec('/opt/own', 8),
      exec('/home/ann/bin/own', 8),
      exec('/usr/bin/prog', 9),
      exec('/opt/none', 10),
    ],
    { programs },
  )
  assert.deepEqual(values(found.exec), ['/home/ann/bin/own', '/usr/bin/git'])
})

test('names with ports are given; private, denied and odd ones are told', () => {
  const found = learn([
    refused('api.example.org', 443),
    refused('db.example.org', 5432),
    refused('git.corp', 443, { rule: 'network.address', detail: '10.0.0.5 is private (RFC 1918)' }),
    refused('no.example.org', 443, { rule: '*.example.org' }),
    { ...refused('', 0), kind: 'connect', host: undefined, port: undefined, address: '8.8.8.8:443' },
    { ...refused('', 0), kind: 'connect', host: undefined, port: undefined, address: '8.8.8.8:53' },
    { ...refused('', 0), kind: 'connect', host: undefined, port: undefined, address: '169.254.169.254:80' },
    { ...refused('', 0), kind: 'connect', host: undefined, port: undefined, address: 'unix:/x', rule: 'unix.absent' },
    { ...toItself, address: '127.0.0.1:5432' },
    { ...toItself, address: '127.0.0.1:8080' },
    { ...toItself, kind: 'bind', address: '0.0.0.0:8080' },
  ])
  assert.deepEqual(values(found.connect), ['8.8.8.8:443', 'api.example.org', 'db.example.org:5432'])
  assert.deepEqual(
    found.notGiven.map(({ what }) => what),
    ['git.corp', 'no.example.org', '8.8.8.8:53', '169.254.169.254:80', '127.0.0.1:5432'],
  )
  assert.match(
    found.notGiven.at(-1)?.why ?? '',
    /the sandbox itself.*--allow-net 127\.0\.0\.1:5432 leads to this machine/,
  )
})

test('rounds add up, and the same again is nothing new', () => {
  const first = learn([open('/srv/a')], { files: ['/srv/a', '/srv/b'] })
  const second = learn([open('/srv/b')], { files: ['/srv/a', '/srv/b'] })
  assert.deepEqual(values(together(together(nothingLearned, first), second).read), ['/srv/a', '/srv/b'])
  assert.deepEqual(values(together(first, first).read), ['/srv/a'])
})

test('whatever a program asks for, no secret, no top, no home and nothing of ours is given', () => {
  const parts = fc.constantFrom(
    '..',
    '.',
    '',
    'home',
    'ann',
    'bob',
    '.ssh',
    'id_rsa',
    'etc',
    'shadow',
    'srv',
    'a',
    'b',
    'c',
    'gbx',
    'x',
    '\n',
    'proc',
  )
  const path = fc.array(parts, { maxLength: 6 }).map((words) => `/${words.join('/')}`)
  const access = fc.constantFrom('read' as const, 'write' as const)
  const files = [
    '/home/ann/.ssh/id_rsa',
    '/etc/shadow',
    '/gbx/x',
    '/home/bob/a',
    '/home/bob/b',
    '/home/bob/c',
    '/srv/a/a',
    '/srv/a/b',
    '/srv/a/c',
    '/srv/.ssh/x',
  ]
  fc.assert(
    fc.property(fc.array(fc.tuple(path, access), { maxLength: 20 }), (asked) => {
      const found = learn(
        asked.map(([path, access]) => open(path, access)),
        { files },
      )
      for (const { value } of [...found.read, ...found.write]) {
        assert.equal(
          files.some((file) => isWithin(file, value) && whySecret(file) !== undefined),
          false,
          value,
        )
        assert.equal(isWithin('/home/ann', value) || isWithin('/gbx', value) || isWithin(value, '/gbx'), false, value)
        assert.ok(value.split('/').length > 2, value)
      }
    }),
    { numRuns: 500 },
  )
})
