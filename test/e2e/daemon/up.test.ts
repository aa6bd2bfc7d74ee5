import assert from 'node:assert/strict'
import { chownSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { runners, usualRunners, type Runner } from '../../support/as-user.ts'
import { giveImage, testImage } from '../../support/image.ts'
import { household, type Household } from '../../support/launching.ts'
import { glovebox } from '../../support/mcp-client.ts'
import { whyNoMachines } from '../../support/machines.ts'
import { unlessPresent } from '../../support/requirement.ts'

const filesystemServer = 'node_modules/@modelcontextprotocol/server-filesystem/dist/index.js'

interface UpHere {
  readonly directory: string
  readonly failures: number
  readonly servers: readonly {
    readonly name: string
    readonly state: string
    readonly id?: string
    readonly driver?: string
    readonly tools?: number | null
    readonly workspace?: string | null
    readonly error?: { readonly code: string; readonly message: string; readonly fix: string }
  }[]
}

/** A project of this runner's with these servers, which its user has said yes to. */
function project(house: Household, runner: Runner, servers: Readonly<Record<string, object>>): string {
  const directory = path.join(house.home, 'project')
  mkdirSync(directory)
  for (const name of ['tiny', 'moody']) {
    copyFileSync(path.join(runner.root, `test/fixtures/${name}-server.mjs`), path.join(directory, `${name}.mjs`))
  }
  writeFileSync(path.join(directory, 'notes'), 'of the host\n')
  configure(directory, servers)
  for (const name of ['', 'notes', 'glovebox.json']) chownSync(path.join(directory, name), runner.uid, runner.gid)
  house.ok('trust', '--yes', directory)
  return directory
}

function configure(directory: string, servers: Readonly<Record<string, object>>): void {
  writeFileSync(path.join(directory, 'glovebox.json'), JSON.stringify({ mcpServers: servers }))
}

function up(house: Household, ...words: string[]): UpHere & { readonly status: number | null } {
  const { status, stdout, stderr } = house.verb('up', '--json', ...words)
  assert.notEqual(stdout, '', stderr)
  return { status, ...(JSON.parse(stdout) as UpHere) }
}

/** The same, while something else goes on. */
async function upBeside({ runner, env }: Household, directory: string): Promise<UpHere> {
  const [program, ...words] = glovebox(runner, ['up', '--json', directory])
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const { stdout } = runner.spawn('env', ['-i', ...variables, program, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  assert.ok(stdout)
  return JSON.parse(await text(stdout)) as UpHere
}

for (const runner of usualRunners()) {
  test(`of two that bring the same up at once, one starts it, and the other finds it running (${runner.name})`, async (t) => {
    const house = household(t, runner)
    const late = 'setTimeout(() => import(process.cwd() + "/moody.mjs"), 1000)'
    const slow = { command: runner.node, args: ['-e', late] }
    const directory = project(house, runner, { tiny: { command: runner.node, args: ['tiny.mjs'] }, slow })
    const found = await Promise.all([1, 2].map(async () => upBeside(house, directory)))
    assert.deepEqual(
      found.map(({ failures }) => failures),
      [0, 0],
      JSON.stringify(found),
    )
    for (const index of [0, 1]) {
      const [one, other] = found.map(({ servers }) => servers[index])
      assert.deepEqual(new Set([one?.state, other?.state]), new Set(['running', 'started']))
      assert.equal(one?.id, other?.id)
    }
    house.ok('stop', '--all')
  })

  test(`VM-AUTO: all enabled servers of a directory start on copies of it, and stopping takes over what they did (${runner.name})`, (t) => {
    const house = household(t, runner)
    const directory = project(house, runner, {
      tiny: { command: runner.node, args: ['tiny.mjs'] },
      moody: { command: runner.node, args: ['moody.mjs'] },
      off: { command: runner.node, args: ['moody.mjs'], enabled: false },
      far: { url: 'https://mcp.example.org/mcp' },
    })
    const first = up(house, directory)
    assert.deepEqual([first.status, first.failures, first.directory], [0, 0, directory])
    assert.deepEqual(
      first.servers.map(({ name, state, driver, workspace }) => [name, state, driver, workspace]),
      [
        ['tiny', 'started', 'jail', directory],
        ['moody', 'started', 'jail', directory],
        ['far', 'remote', undefined, undefined],
      ],
    )
    assert.ok(first.servers.slice(0, 2).every(({ tools }) => (tools ?? 0) > 0))
    assert.deepEqual(
      new Set(house.status().servers.map(({ name, id }) => `${name} ${id}`)),
      new Set(first.servers.slice(0, 2).map(({ name, id }) => `${name} ${id}`)),
    )
    house.ok('exec', 'tiny', '--', 'sh', '-c', 'cat /workspace/notes > /workspace/by-tiny; rm /workspace/notes')
    house.ok('exec', 'moody', '--', 'sh', '-c', 'cat /workspace/notes > /workspace/by-moody')
    assert.ok(!existsSync(path.join(directory, 'by-tiny')), 'what they work in is a copy')
    assert.ok(existsSync(path.join(directory, 'notes')))
    house.ok('stop', '--all')
    assert.ok(!existsSync(path.join(directory, 'notes')))
    for (const name of ['by-tiny', 'by-moody']) {
      assert.equal(readFileSync(path.join(directory, name), 'utf8'), 'of the host\n')
    }
  })

  test(`what could not be taken over is told by whatever stops a server (${runner.name})`, (t) => {
    const house = household(t, runner)
    const directory = project(house, runner, { tiny: { command: runner.node, args: ['tiny.mjs'] } })
    const stop = (verb: string, ...words: string[]): { stdout: string; stderr: string } => {
      up(house, directory)
      house.ok('exec', 'tiny', '--', 'sh', '-c', 'echo inside > /workspace/notes; echo x > /workspace/.envrc')
      writeFileSync(path.join(directory, 'notes'), `of the host, before ${verb} ${words.join(' ')}\n`)
      return house.verb(verb, ...words)
    }
    for (const [verb, word] of Object.entries({ stop: 'tiny', daemon: 'stop' })) {
      const { stderr } = stop(verb, word)
      assert.match(stderr, /not taken over without a yes[^]*\.envrc/, verb)
      assert.match(stderr, /not overwritten, and kept aside:\n {2}notes/)
    }
    const { stdout, stderr } = stop('stop', 'tiny', '--json')
    assert.equal(stderr, '')
    const { stopped } = JSON.parse(stdout) as { stopped: { workspace: { held: string[]; conflicts: string[] } }[] }
    assert.match(stopped[0]?.workspace.held.join() ?? '', /\.envrc/)
    assert.match(stopped[0]?.workspace.conflicts.join() ?? '', /^notes/)
  })

  test(`VM-AUTO: a second time changes nothing, and says so of what would be another server by now (${runner.name})`, (t) => {
    const house = household(t, runner)
    const servers = { tiny: { command: runner.node, args: ['tiny.mjs'] } }
    const directory = project(house, runner, { ...servers, moody: { command: runner.node, args: ['moody.mjs'] } })
    const first = up(house, directory)
    const again = up(house, directory)
    assert.equal(again.status, 0)
    assert.deepEqual(
      again.servers.map(({ state, id }) => [state, id]),
      first.servers.map(({ id }) => ['running', id]),
    )
    const denied = { command: runner.node, args: ['moody.mjs'], sandbox: { tools: { deny: ['die'] } } }
    configure(directory, { ...servers, moody: denied })
    house.ok('trust', '--yes', directory)
    const changed = up(house, directory)
    assert.equal(changed.status, 1)
    assert.deepEqual(
      changed.servers.map(({ state }) => state),
      ['running', 'failed'],
    )
    assert.match(changed.servers[1]?.error?.message ?? '', /runs already as gbx-\S+, .*another policy/)
    house.ok('stop', 'moody')
    assert.equal(up(house, directory).status, 0)
    assert.doesNotMatch(house.ok('tools', 'moody'), /^die/m)
  })

  test(`VM-AUTO: one that does not start is told and stops no other; an unknown project starts nothing (${runner.name})`, (t) => {
    const house = household(t, runner)
    const directory = project(house, runner, {
      broken: { command: runner.node, args: ['-e', 'process.exit(3)'] },
      files: { command: runner.node, args: [path.join(runner.root, filesystemServer), '/workspace'] },
    })
    const ended = up(house, directory)
    assert.deepEqual([ended.status, ended.failures], [1, 1])
    assert.match(ended.servers[0]?.error?.message ?? '', /ended with exit code 3/)
    house.ok('call', 'files', 'write_file', '{"path": "/workspace/written", "content": "by a server"}')
    house.ok('stop', '--all')
    assert.equal(readFileSync(path.join(directory, 'written'), 'utf8'), 'by a server')
    house.ok('trust', '--revoke', directory)
    const driver = house.verb('up', '--driver', 'foo', directory)
    assert.deepEqual([driver.status, driver.stdout], [2, ''], driver.stderr)
    assert.equal(driver.stderr.match(/"foo" is not a driver/g)?.length, 1)
    const unknown = up(house, directory)
    assert.deepEqual([unknown.status, unknown.failures], [1, 2])
    assert.match(unknown.servers[1]?.error?.fix ?? '', /glovebox trust/)
    assert.deepEqual(house.status().servers, [])
  })

  test(`where nothing is configured, and in no directory, up says what to do (${runner.name})`, (t) => {
    const house = household(t, runner)
    const empty = house.verb('up', house.home)
    assert.equal(empty.status, 2)
    assert.match(empty.stderr, /no server is configured and enabled here/)
    const nowhere = house.verb('up', path.join(house.home, 'nowhere'))
    assert.equal(nowhere.status, 2)
    assert.match(nowhere.stderr, /no such directory/)
    const config = house.verb('up', '--config', path.join(house.home, 'nothing.json'), house.home)
    assert.equal(config.status, 2)
    assert.match(config.stderr, /no such file/)
  })
}

const noMachines = unlessPresent('QEMU', whyNoMachines())

test(
  'VM-AUTO: a server works in a machine on a copy, and what is done there is taken over when it is stopped',
  {
    skip: noMachines,
  },
  async (t) => {
    const [runner] = runners()
    assert.ok(runner)
    const house = household(t, runner)
    giveImage(await testImage(), runner, path.join(house.home, 'data'))
    const moody = { command: runner.node, args: ['moody.mjs'] }
    const ready = { command: runner.node, args: ['tiny.mjs'], sandbox: { template: 'server' } }
    const directory = project(house, runner, { moody, ready })
    const begun = up(house, '--driver', 'microvm', directory)
    assert.equal(begun.status, 0, JSON.stringify(begun))
    assert.deepEqual(
      begun.servers.map(({ name, driver, workspace }) => [name, driver, workspace]),
      [
        ['moody', 'microvm', directory],
        ['ready', 'microvm', null],
      ],
    )
    house.ok('exec', 'moody', '--', 'sh', '-c', 'cat /workspace/notes > /workspace/written')
    house.ok('stop', 'moody')
    assert.equal(readFileSync(path.join(directory, 'written'), 'utf8'), 'of the host\n')
  },
)
