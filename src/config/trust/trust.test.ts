import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { configHome, type ConfigHome } from '../../../test/support/config-home.ts'
import { GloveboxError } from '../../errors.ts'
import type { Plan } from '../../policy/plan.ts'
import { prepare } from '../../runtime/prepare.ts'
import { places } from '../../system/places.ts'
import type { PolicyFlags } from '../policy-flags.ts'
import { loadServer, type ConfiguredServer } from '../servers.ts'
import { startOf } from '../start.ts'
import { readRecord, writeRecord } from './record.ts'
import { reviewProject } from './review.ts'

let home: ConfigHome
beforeEach(() => {
  home = configHome()
})
afterEach(() => home.remove())

/** A project with one server, whose program is found in PATH and whose script lies in the project. */
function project(server: object, name: string = 's'): void {
  home.put('project/server.js', '')
  const all = { mcpServers: { [name]: { command: 'node', args: ['server.js'], ...server } } }
  home.put('project/glovebox.json', JSON.stringify(all))
}

const load = async (name: string = 's', flags: PolicyFlags = {}): Promise<ConfiguredServer> => {
  const env = { ...home.env, TOKEN: 'secret' }
  const server = await loadServer(name, { cwd: home.project, env, flags })
  assert.ok(server)
  return server
}

/** The plan as `run` makes it: everything but the start. */
async function plan(server: ConfiguredServer): Promise<Plan> {
  return (await prepare({ ...server, terminal: false })).plan
}

async function refuses(server: Promise<ConfiguredServer>, why: RegExp): Promise<void> {
  await assert.rejects(
    async () => plan(await server),
    (error) => {
      assert.ok(error instanceof GloveboxError, String(error))
      assert.equal(error.code, 'REFUSED', error.message)
      assert.match(error.message, why)
      assert.match(error.fix ?? '', /glovebox trust/)
      return true
    },
  )
}

function trust(): void {
  const { directory, seen } = reviewProject(home.project, places(home.env))
  writeRecord(places(home.env).state, directory, seen)
}

test('an unknown project may run its own files in a sandbox', async () => {
  project({ sandbox: { filesystem: { read: ['.'] }, limits: { memory: '64M' } } })
  const { mounts, command } = await plan(await load())
  assert.ok(mounts.some(({ target }) => target === home.project))
  assert.equal(command.cwd, home.project)
})

test('an unknown project publishes nothing', async () => {
  project({ sandbox: { network: { publish: ['8080:3000'] } } })
  await refuses(load(), /wants to publish its port 3000 on this machine/)
  trust()
  assert.deepEqual((await plan(await load())).publish, [{ address: '127.0.0.1', hostPort: 8080, port: 3000 }])
})

test('an unknown project talks to nobody, and a trusted one to whom it names', async () => {
  project({ sandbox: { network: { allow: ['api.example.org', 'preset:npm'] } } })
  await refuses(load(), /wants to connect to api\.example\.org:443 \(and 1 more\)/)
  await refuses(load('s', { allowNet: ['10.0.0.5:22'] }), /wants to connect to/)
  trust()
  assert.equal((await plan(await load())).network?.allow.length, 2)
  project({ sandbox: { network: { deny: ['api.example.org'], private: ['10.0.0.0/8'], resolvers: ['10.0.0.2'] } } })
  assert.equal((await plan(await load())).network, null)
})

test('an unknown project gets no secret, from whatever source, and a trusted one those that it names', async () => {
  for (const from of ['env:TOKEN', 'file:./token', 'cmd:touch was-run', 'keyring:a/b']) {
    project({ sandbox: { secrets: { T: { from, expose: 'env' } } } })
    await refuses(load(), /wants the secret T from /)
  }
  project({})
  await refuses(load('s', { secret: ['T=env:TOKEN@expose=env'] }), /wants the secret T from env:TOKEN/)
  project({ sandbox: { secrets: { T: { from: 'file:token', expose: 'env' } } } })
  trust()
  const { secrets } = await plan(await load())
  assert.deepEqual(secrets[0]?.from, { kind: 'file', at: path.join(home.project, 'token') })
  assert.ok(!existsSync(path.join(home.project, 'was-run')))
})

test('an unknown project is refused what is outside of it', async () => {
  home.put('secret/key', 'k')
  const outside = path.join(home.root, 'secret')
  project({ sandbox: { filesystem: { read: [outside] } } })
  await refuses(load(), /wants to read .*secret/)
  project({ sandbox: { workspace: { path: '..', mode: 'read' } } })
  await refuses(load(), /wants to read/)
  project({ args: [path.join(outside, 'key')] })
  await refuses(load(), /wants to read .*secret\/key/)
  project({ command: home.put('secret/tool', '#!/bin/sh\n'), args: [] })
  await assert.rejects(async () => plan(await load()), /not an executable file|wants to run/)
  project({ sandbox: { exec: ['/etc/../root/x'] } })
  await assert.rejects(async () => plan(await load()))
})

test('a link in an unknown project does not lead out of it', async () => {
  home.put('secret/key', 'k')
  symlinkSync(path.join(home.root, 'secret'), path.join(home.project, 'data'))
  project({ sandbox: { filesystem: { read: ['data'] } } })
  await refuses(load(), /wants to read .*secret/)
  symlinkSync(path.join(home.root, 'secret', 'key'), path.join(home.project, 'main.js'))
  project({ args: ['main.js'] })
  await refuses(load(), /wants to read .*secret\/key/)
})

test('the package around a script of an unknown project is not taken from above it', async () => {
  home.put('package.json', '{}')
  home.put('private.txt', 'p')
  project({})
  await refuses(load(), /wants to read/)
})

test('an unknown project is refused what it would do to the host', async () => {
  const cases: [object, RegExp][] = [
    [{ sandbox: { filesystem: { write: ['.'] } } }, /wants to write to/],
    [{ sandbox: { workspace: { path: '.', mode: 'write' } } }, /wants to write to/],
    [{ sandbox: { allowDegraded: ['memory'] } }, /without the control memory/],
    [{ sandbox: { limits: { memory: '8G' } } }, /wants 8 GiB of memory/],
    [{ sandbox: { limits: { cpus: 64 } } }, /wants 64 CPUs/],
    [{ sandbox: { limits: { pids: 5000 } } }, /5000 processes/],
    [{ sandbox: { limits: { message: '1G' } } }, /messages of 1 GiB/],
    [{ env: { KEY: '${env:TOKEN}' } }, /the variable TOKEN of our environment/],
  ]
  for (const [server, why] of cases) {
    project(server)
    await refuses(load(), why)
  }
})

test('what flags give is not given to the server of an unknown project', async () => {
  home.put('mine/a', 'a')
  project({})
  await refuses(load('s', { read: [path.join(home.root, 'mine')] }), /wants to read/)
  await refuses(load('s', { env: ['TOKEN'] }), /TOKEN/)
})

test('a program that an unknown project names by a path outside of it is refused', async () => {
  project({ command: process.execPath })
  if (!process.execPath.startsWith('/usr/')) await refuses(load(), /wants to run/)
  project({ sandbox: { exec: ['/bin/sh'] } })
  assert.ok((await plan(await load())).exec?.length)
})

test('an unknown project does not take the place of a server of the user', async () => {
  project({}, 'files')
  home.put('places/config/glovebox.json', '{ "mcpServers": { "files": { "command": "true" } } }')
  await refuses(load('files'), /redefines your server "files"/)
  trust()
  assert.deepEqual((await load('files')).command, ['node', 'server.js'])
})

test('the profiles of an unknown project are as unknown, and do not hide those of the user', async () => {
  home.put('secret/key', 'k')
  project({})
  home.put('project/profiles/s.profile', `read-only ${home.root}/secret\n`)
  await refuses(load(), /wants to read .*secret/)
  home.put('project/profiles/s.profile', '')
  home.put('project/profiles/node.profile', '')
  home.put('places/config/profiles/node.profile', 'env STRICT=1\n')
  project({ sandbox: { profile: 'node' } })
  await refuses(load(), /its own profile "node" instead of yours/)
})

test('a driver that the user has chosen for all is not undone by an unknown project', async () => {
  home.put('places/config/glovebox.json', '{ "defaults": { "driver": "microvm" } }')
  project({ sandbox: { driver: 'jail' } })
  await refuses(load(), /the driver jail instead of microvm/)
})

test('a machine of the parts that the user has chosen for all is not one of others by the word of an unknown project', async () => {
  const parts = { kernel: '/boot/own', rootfs: null }
  home.put('places/config/glovebox.json', JSON.stringify({ microvm: parts }))
  const server = { command: 'node', args: ['server.js'], sandbox: { driver: 'microvm' } }
  const of = (microvm: object): void => {
    home.put('project/server.js', '')
    home.put('project/glovebox.json', JSON.stringify({ mcpServers: { s: server }, microvm }))
  }
  of({ kernel: 'vmlinuz' })
  await refuses(load(), /its own kernel, root filesystem or image/)
  of({ kernel: null })
  await refuses(load(), /its own kernel, root filesystem or image/)
  of({ image: 'theirs' })
  await refuses(load(), /its own kernel, root filesystem or image/)
  of({})
  assert.deepEqual((await plan(await load())).machine, parts)
})

test('an unknown project does not have random numbers of a server be the same at each start', async () => {
  project({ sandbox: { driver: 'microvm', template: 'server' } })
  await refuses(load(), /what its server draws at random .* the same at each start/)
  trust()
  assert.equal((await plan(await load())).template, 'server')
})

test('a machine that an unknown project has made large is refused as a limit is, and counts for machines alone', async () => {
  const large = (driver: string): void => {
    const all = { mcpServers: { s: { command: 'node', args: ['server.js'], sandbox: { driver } } } }
    home.put('project/server.js', '')
    home.put('project/glovebox.json', JSON.stringify({ ...all, microvm: { memory: '8G', cpus: 16 } }))
  }
  large('microvm')
  await refuses(load(), /wants 8 GiB of memory \(and 1 more\)/)
  large('jail')
  assert.equal((await plan(await load())).limits.memory.explicit, false)
})

test('with a yes it may do what it says, until anything of it changes', async () => {
  project({ sandbox: { filesystem: { write: ['.'] } }, env: { KEY: '${env:TOKEN}' } })
  home.put('project/profiles/other.profile', 'env A=1\n')
  trust()
  const allowed = await plan(await load())
  assert.equal(allowed.command.env['KEY'], 'secret')
  home.put('project/profiles/other.profile', 'env A=2\n')
  await refuses(load(), /has changed since it was trusted/)
  home.put('project/profiles/other.profile', 'env A=1\n')
  await plan(await load())
  home.put('project/profiles/new.profile', '')
  await refuses(load(), /has changed since it was trusted/)
})

test('what is recorded is what was read: a change between the showing and the yes is no part of it', async () => {
  project({})
  const review = reviewProject(home.project, places(home.env))
  project({ sandbox: { filesystem: { write: ['.'] } } })
  writeRecord(places(home.env).state, review.directory, review.seen)
  await refuses(load(), /has changed since it was trusted/)
})

test('a record is the user’s alone, and one that is damaged or moved is none', () => {
  project({})
  trust()
  const folder = path.join(places(home.env).state, 'trust')
  const [name = ''] = readdirSync(folder)
  const file = path.join(folder, name)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const record = () => readRecord(places(home.env).state, home.project)
  assert.ok(record())
  const whole = readFileSync(file, 'utf8')
  for (const damaged of [
    '',
    '{',
    '[]',
    whole.replace('server.js', 'other.js'),
    whole.replace(/"directory": "[^"]*"/, '"directory": "/"'),
  ]) {
    writeFileSync(file, damaged)
    assert.equal(record(), undefined)
  }
})

test('another project is another question, also with the same text', async () => {
  project({ sandbox: { filesystem: { write: ['.'] } } })
  trust()
  const text = readFileSync(path.join(home.project, 'glovebox.json'), 'utf8')
  const other = path.join(home.root, 'other')
  mkdirSync(other)
  writeFileSync(path.join(other, 'glovebox.json'), text)
  writeFileSync(path.join(other, 'server.js'), '')
  const server = await loadServer('s', { cwd: other, env: home.env })
  assert.equal(server?.confinement?.state, 'unknown')
})

test('a file that the user names with --config is taken at its word', async () => {
  project({ sandbox: { filesystem: { write: ['.'] } } })
  const config = path.join(home.project, 'glovebox.json')
  const start = await startOf(['s'], { config }, { cwd: home.project, env: home.env, servers: true })
  assert.ok((await prepare({ ...start, terminal: false })).plan.mounts.some(({ access }) => access === 'write'))
})
