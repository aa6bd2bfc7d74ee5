import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GloveboxError, type ErrorCode } from '../errors.ts'
import type { CommandFacts, HostFacts, PathFact } from './host-facts.ts'
import type { Plan } from './plan.ts'
import { defaultPolicy, type Policy } from './policy.ts'
import { resolvePlan } from './resolve.ts'
import { toSecret } from './secret-words.ts'

const directory = (path: string, real: string = path): [string, PathFact] => [
  path,
  { absolute: path, real, kind: 'directory' },
]

function hostFacts(change: { command?: Partial<CommandFacts>; paths?: readonly [string, PathFact][] } = {}): HostFacts {
  return {
    command: {
      path: '/usr/bin/node',
      argv: ['node', '/srv/app/server.js'],
      cwd: '/srv/app',
      needs: [{ path: '/srv/app', why: 'package' }],
      executables: ['/usr/bin/node', '/usr/lib/ld.so'],
      searchPath: ['/usr/bin'],
      directories: [],
      allowed: [],
      ...change.command,
    },
    paths: new Map(change.paths),
    system: [{ path: '/usr', source: '/usr', exec: true }],
    own: ['/home/me/.config/glovebox', '/home/me/.local/state/glovebox', '/home/me/.local/share/glovebox'],
    unseen: ['/home/me/.config/glovebox', '/home/me/.local/state/glovebox'],
    staging: ['/home/me/.local/share/glovebox/store/staging'],
    home: '/home/me',
  }
}

function resolve(policy: Partial<Policy>, facts: HostFacts = hostFacts(), env: Record<string, string> = {}): Plan {
  return resolvePlan('files', { ...defaultPolicy, ...policy }, facts, { env, terminal: false })
}

function refuses(run: () => unknown, code: ErrorCode, text: RegExp): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof GloveboxError)
    assert.equal(error.code, code)
    assert.match(`${error.message} | ${error.fix}`, text)
    return true
  })
}

const mountAt = (plan: Plan, target: string): string => {
  const found = plan.mounts.filter((mount) => mount.target === target)
  return found.map(({ source, access, exec }) => `${source} ${access}${exec ? ' exec' : ''}`).join(' + ')
}

test('the default policy shows the system and what the command is made of, read-only, and nothing else', () => {
  const plan = resolve({})
  assert.deepEqual(
    plan.mounts.map(({ target, access }) => `${target} ${access}`),
    ['/usr read', '/srv/app read'],
  )
  assert.equal(plan.command.cwd, '/srv/app')
  assert.equal(plan.network, null)
  assert.deepEqual(plan.limits.memory, { value: 512 * 1024 ** 2, explicit: false })
  assert.deepEqual(plan.limits.pids, { value: 128, explicit: false })
})

test('the environment is ours no more, but for locale and time zone, and has what the policy says', () => {
  const host = {
    LANG: 'de_DE.UTF-8',
    TZ: 'UTC',
    AWS_SECRET_ACCESS_KEY: 'x',
    LD_PRELOAD: '/evil.so',
    NODE_OPTIONS: '--require /evil.js',
    HOME: '/home/me',
  }
  const { env } = resolve({ env: { KEY: 'value' } }, hostFacts(), host).command
  assert.deepEqual(Object.keys(env).toSorted(), [
    'GLOVEBOX',
    'HOME',
    'KEY',
    'LANG',
    'LOGNAME',
    'PATH',
    'TMPDIR',
    'TZ',
    'USER',
  ])
  assert.equal(env['HOME'], '/home/user')
  assert.equal(env['KEY'], 'value')
})

test('a directory among the arguments that the sandbox cannot see is refused, naming the flag to add', () => {
  const facts = hostFacts({ command: { directories: [{ argument: '--root=/data', path: '/data' }] } })
  refuses(() => resolve({}, facts), 'PATH_NOT_VISIBLE', /--root=\/data.*--read \/data/)
})

test('a directory that every sandbox has of its own is told as such, or is what is meant', () => {
  const naming = (path: string): HostFacts => hostFacts({ command: { directories: [{ argument: path, path }] } })
  refuses(() => resolve({}, naming('/tmp')), 'PATH_NOT_VISIBLE', /has a \/tmp of its own/)
  refuses(() => resolve({}, naming('/tmp')), 'PATH_NOT_VISIBLE', /--read \/tmp.*sh -c 'ls \/tmp'/)
  for (const path of ['/', '/proc', '/dev/shm', '/sys'])
    assert.deepEqual(resolve({}, naming(path)).mounts.length > 0, true)
})

test('a directory among the arguments is fine when a flag shows it', () => {
  const facts = hostFacts({
    command: { directories: [{ argument: '/data/x', path: '/data/x' }] },
    paths: [directory('/data')],
  })
  assert.equal(
    mountAt(resolve({ filesystem: { read: ['/data'], write: [], deny: [] } }, facts), '/data'),
    '/data read exec',
  )
})

test('a writable mount never runs anything, and a program inside it is laid over itself read-only', () => {
  const facts = hostFacts({
    command: { executables: ['/srv/app/tool'], needs: [{ path: '/srv/app/tool', why: 'program' }] },
    paths: [directory('/srv/app')],
  })
  const plan = resolve({ filesystem: { read: [], write: ['/srv/app'], deny: [] } }, facts)
  assert.equal(mountAt(plan, '/srv/app'), '/srv/app write')
  assert.equal(mountAt(plan, '/srv/app/tool'), '/srv/app/tool read exec')
  assert.ok(
    plan.mounts.findIndex((mount) => mount.target === '/srv/app') <
      plan.mounts.findIndex((mount) => mount.target === '/srv/app/tool'),
  )
})

test('a path that was spelled through a link is there by both names', () => {
  const facts = hostFacts({ paths: [directory('/home/me/link', '/data/real')] })
  const plan = resolve({ filesystem: { read: ['/home/me/link'], write: [], deny: [] } }, facts)
  assert.equal(mountAt(plan, '/home/me/link'), '/data/real read exec')
  assert.equal(mountAt(plan, '/data/real'), '/data/real read exec')
})

test('the workspace is at its own path and at /workspace, and the working directory falls back to it', () => {
  const facts = hostFacts({ command: { cwd: '/home/me' }, paths: [directory('/data')] })
  const plan = resolve({ workspace: { path: '/data', mode: 'write' } }, facts)
  assert.equal(mountAt(plan, '/workspace'), '/data write')
  assert.equal(mountAt(plan, '/data'), '/data write')
  assert.equal(plan.command.cwd, '/workspace')
})

test('a copied workspace is what a writable one is, and no driver can take it for the directory itself', () => {
  const facts = hostFacts({ command: { cwd: '/home/me' }, paths: [directory('/home/me/p', '/data')] })
  const workspace = { path: '/home/me/p', mode: 'copy', sync: 'yes', exclude: ['node_modules'] } as const
  const plan = resolve({ workspace }, facts)
  for (const target of ['/workspace', '/mcp-workspace', '/data', '/home/me/p']) {
    assert.equal(mountAt(plan, target), '/data copy')
  }
  assert.deepEqual(plan.workspace, { source: '/data', sync: 'yes', exclude: ['node_modules'] })
  assert.equal(resolve({ workspace: { ...workspace, mode: 'write' } }, facts).workspace, null)
})

test('a path that does not exist, a socket and the jail’s own places cannot be mounted', () => {
  const facts = hostFacts({
    paths: [
      ['/gone', { absolute: '/gone', real: undefined, kind: 'missing' }],
      ['/run/docker.sock', { absolute: '/run/docker.sock', real: '/run/docker.sock', kind: 'other' }],
      directory('/'),
      directory('/proc/1'),
      directory('/dev'),
      directory('/etc'),
      directory('/home'),
      directory('/usr/share'),
    ],
  })
  const read = (path: string) => () => resolve({ filesystem: { read: [path], write: [], deny: [] } }, facts)
  refuses(read('/gone'), 'POLICY_INVALID', /filesystem.read: \/gone does not exist/)
  refuses(read('/run/docker.sock'), 'POLICY_INVALID', /hole in the wall/)
  refuses(read('/'), 'POLICY_INVALID', /whole root/)
  refuses(read('/proc/1'), 'POLICY_INVALID', /\/proc inside a sandbox is its own/)
  refuses(read('/dev'), 'POLICY_INVALID', /\/dev inside a sandbox is its own/)
  refuses(
    read('/etc'),
    'POLICY_INVALID',
    /filesystem.read: \/etc cannot be mounted: as a whole it would cover the users, hosts/,
  )
  refuses(read('/home'), 'POLICY_INVALID', /as a whole it would cover \/home\/user/)
  refuses(
    () => resolve({ filesystem: { read: [], write: ['/usr/share'], deny: [] } }, facts),
    'POLICY_INVALID',
    /read-only in every sandbox/,
  )
})

test('the words of the network are rules in the plan, and nothing allowed is none', () => {
  const words = {
    ...defaultPolicy.network,
    deny: ['evil.example.org'],
    private: ['10.0.0.0/8'],
    resolvers: ['9.9.9.9'],
  }
  assert.equal(resolve({ network: words }).network, null)
  const { network } = resolve({ network: { ...words, allow: ['*.example.org'], limits: { connections: 8 } } })
  assert.deepEqual(network, {
    allow: [{ text: '*.example.org', host: { kind: 'below', name: 'example.org' }, ports: [{ from: 443, to: 443 }] }],
    deny: [
      { text: 'evil.example.org', host: { kind: 'name', name: 'evil.example.org' }, ports: [{ from: 1, to: 65_535 }] },
    ],
    private: [{ address: '10.0.0.0', prefix: 8, family: 4 }],
    resolvers: [{ address: '9.9.9.9', port: 53 }],
    limits: { connections: 8, bytesPerSecond: null, bytes: null, idleMs: 900_000 },
  })
  refuses(
    () => resolve({ network: { ...words, allow: ['https://api.github.com'] } }),
    'POLICY_INVALID',
    /^network.allow: "https:\/\/api.github.com" is a URL \| write "api.github.com:443"/,
  )
})

test('secrets are in the plan without a value, for hosts that may be connected to, and in place of copied variables', () => {
  const secret = (host: string) => toSecret('T', { from: 'env:T', hosts: [host], intercept: true })
  const network = (...allow: string[]) => ({ ...defaultPolicy.network, allow })
  const plan = resolve({
    secrets: [secret('api.github.com')],
    network: network('*.github.com'),
    env: { T: 'copied', U: 'u' },
  })
  assert.deepEqual(plan.secrets, [secret('api.github.com')])
  assert.equal('T' in plan.command.env, false)
  assert.equal(plan.command.env['U'], 'u')
  for (const [host, ...allow] of [
    ['a.example', 'a.example'],
    ['*.a.example', '*.a.example'],
    ['*.b.a.example', '*.a.example'],
  ] as const)
    assert.equal(resolve({ secrets: [secret(host)], network: network(...allow) }).secrets.length, 1, host)
  for (const [host, ...allow] of [
    ['a.example'],
    ['a.example', 'b.example'],
    ['a.example:8443', 'a.example'],
    ['*.a.example', 'a.example'],
  ] as const)
    refuses(
      () => resolve({ secrets: [secret(host)], network: network(...allow) }),
      'POLICY_INVALID',
      /secrets\.T: .* may not be connected to \| add ".*" to network\.allow/,
    )
})

test('disk is memory: a default follows a small memory, and a wish for more than the memory is refused', () => {
  assert.deepEqual(resolve({ limits: { memoryBytes: 64 * 1024 ** 2 } }).limits.disk, {
    value: 64 * 1024 ** 2,
    explicit: false,
  })
  refuses(
    () => resolve({ limits: { memoryBytes: 2 ** 26, diskBytes: 2 ** 27 } }),
    'POLICY_INVALID',
    /limits.disk \(128 MiB\) is more than limits.memory \(64 MiB\)/,
  )
})

test('fewer open files than a start needs are refused, and the least starts', () => {
  refuses(() => resolve({ limits: { pids: 2 ** 22 } }), 'POLICY_INVALID', /limits\.pids \(4194304\) is more than/)
  refuses(() => resolve({ limits: { openFiles: 31 } }), 'POLICY_INVALID', /limits\.openFiles \(31\) is less than/)
  assert.equal(resolve({ limits: { openFiles: 32 } }).limits.openFiles.value, 32)
})

test('an exec list always has the command itself with its loader', () => {
  const plan = resolve({ exec: ['git'] }, hostFacts({ command: { allowed: ['/usr/bin/git'] } }))
  assert.deepEqual(plan.exec, ['/usr/bin/node', '/usr/lib/ld.so', '/usr/bin/git'])
  assert.equal(resolve({}).exec, null)
})

test('a denied path is masked by the name it was given and by its real one', () => {
  const facts = hostFacts({ paths: [directory('/data/link', '/data/secret')] })
  assert.deepEqual(resolve({ filesystem: { read: [], write: [], deny: ['/data/link'] } }, facts).deny, [
    '/data/link',
    '/data/secret',
  ])
})

test('a default of the policy itself takes the place of ours, and stays a default', () => {
  const { limits, messageBytes } = resolve({
    defaults: { memoryBytes: 2 ** 31, pids: 512, messageBytes: 1024 },
    limits: { pids: 9 },
  })
  assert.deepEqual(limits.memory, { value: 2 ** 31, explicit: false })
  assert.deepEqual(limits.pids, { value: 9, explicit: true })
  assert.equal(messageBytes, 1024)
})

test('no sandbox may write where its own record, its policy and its packages are', () => {
  const audit = '/home/me/.local/state/glovebox/audit'
  const staged = '/home/me/.local/share/glovebox/store/staging/x/tree'
  const facts = hostFacts({
    paths: [
      directory('/home/me'),
      directory(audit),
      directory('/link', audit),
      directory(staged),
      directory('/home/me/notes'),
    ],
  })
  const write = (path: string) => resolve({ filesystem: { read: [], write: [path], deny: [] } }, facts)
  for (const path of ['/home/me', audit, '/link']) refuses(() => write(path), 'POLICY_INVALID', /Glovebox's own files/)
  refuses(
    () => resolve({ workspace: { path: '/home/me', mode: 'write' } }, facts),
    'POLICY_INVALID',
    /Glovebox's own files/,
  )
  assert.equal(mountAt(write('/home/me/notes'), '/home/me/notes'), '/home/me/notes write')
  assert.equal(mountAt(write(staged), staged), `${staged} write`)
})

test('no sandbox may see settings, records and keys: what is above them is shown without them', () => {
  const audit = '/home/me/.local/state/glovebox/audit'
  const stored = '/home/me/.local/share/glovebox/store/packages/x'
  const facts = hostFacts({
    paths: [directory('/home/me'), directory(audit), directory('/link', audit), directory(stored), directory('/srv')],
  })
  const read = (path: string) => resolve({ filesystem: { read: [path], write: [], deny: [] } }, facts)
  for (const path of [audit, '/link']) refuses(() => read(path), 'POLICY_INVALID', /which no sandbox may see/)
  const home = read('/home/me')
  assert.equal(mountAt(home, '/home/me'), '/home/me read exec')
  assert.deepEqual(home.deny, ['/home/me/.config/glovebox', '/home/me/.local/state/glovebox'])
  const needs = [{ path: '/home/me', why: 'package' }]
  assert.deepEqual(resolve({}, hostFacts({ command: { needs } })).deny, home.deny)
  assert.deepEqual(read(stored).deny, [])
  assert.deepEqual(read('/srv').deny, [])
})

test('a sandbox with a network is told where the proxy is, and one without is not', () => {
  const network = { ...defaultPolicy.network, allow: ['api.example.org'] }
  const { env } = resolve({ network }).command
  for (const name of ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy'])
    assert.equal(env[name], 'http://198.18.0.2:3128')
  assert.equal(env['ALL_PROXY'], 'socks5h://198.18.0.2:3128')
  assert.equal(env['no_proxy'], 'localhost,127.0.0.1,::1')
  assert.ok(!Object.keys(resolve({}).command.env).some((name) => /proxy/i.test(name)))
})

test('a proxy variable that the user has set in one spelling is left alone in both', () => {
  const network = { ...defaultPolicy.network, allow: ['api.example.org'] }
  const { env } = resolve({ network, env: { https_proxy: '', NO_PROXY: '*' } }).command
  assert.deepEqual([env['https_proxy'], env['HTTPS_PROXY']], ['', undefined])
  assert.deepEqual([env['NO_PROXY'], env['no_proxy']], ['*', undefined])
  assert.equal(env['HTTP_PROXY'], 'http://198.18.0.2:3128')
})
