import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { programOf } from '../../src/packages/program-of.ts'
import { removeTree } from '../../src/packages/store/staging.ts'
import { compiledFor } from '../support/compiled.ts'
import { runApart, type Apart } from '../support/run-apart.ts'
import { zip } from '../support/zip.ts'

let [root, cwd] = ['', '']
let env: NodeJS.ProcessEnv = {}
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'glovebox-add-'))
  cwd = path.join(root, 'project')
  mkdirSync(cwd)
  env = { PATH: process.env['PATH'], HOME: root, GLOVEBOX_HOME: path.join(root, 'g'), ...compiledFor() }
})
afterEach(() => removeTree(root))

const add = async (...words: string[]): Promise<Apart> =>
  runApart(['add', ...words, '--no-install', '--scope', 'project'], { env, cwd })

function written(name: string): Record<string, unknown> {
  const { mcpServers } = JSON.parse(readFileSync(path.join(cwd, 'glovebox.json'), 'utf8')) as {
    mcpServers: Record<string, Record<string, unknown>>
  }
  return mcpServers[name] ?? {}
}

test('a short name of the catalogue is added with its policy, its parameters, and the flags over it', async () => {
  const { code, stderr } = await add('notes', cwd, '--from', 'filesystem', '--read', '/usr/share', '--memory', '300M')
  assert.equal(code, 0, stderr)
  const { command, args, sandbox } = written('notes')
  assert.equal(command, 'npx')
  assert.deepEqual((args as string[]).slice(2), [cwd])
  assert.match((args as string[])[1] ?? '', /server-filesystem@\d/)
  const { filesystem, limits } = sandbox as { filesystem: object; limits: { memory: string } }
  assert.deepEqual(filesystem, { read: ['/usr/share'], write: [cwd] })
  assert.equal(limits.memory, '300M')
})

test('the name alone is enough when the catalogue has it; secrets are copied, never written', async () => {
  assert.equal((await add('calculator')).code, 0)
  assert.equal(written('calculator')['command'], 'uvx')
  const { code, stderr } = await add('github')
  assert.equal(code, 0, stderr)
  assert.deepEqual(written('github')['env'], { GITHUB_PERSONAL_ACCESS_TOKEN: '${env:GITHUB_PERSONAL_ACCESS_TOKEN}' })
  assert.match(stderr, /set GITHUB_PERSONAL_ACCESS_TOKEN before a start/)
  const missing = await add('filesystem')
  assert.equal(missing.code, 2)
  assert.match(missing.stderr, /glovebox add filesystem DIRECTORIES\.\.\./)
})

test('a name of the catalogue takes its parameters like run does; a command behind it is a command', async () => {
  const { code, stderr } = await add('filesystem', cwd)
  assert.equal(code, 0, stderr)
  assert.match((written('filesystem')['args'] as string[])[1] ?? '', /server-filesystem@\d/)
  const own = await add('time', '--', process.execPath, 'server.mjs')
  assert.equal(own.code, 0, own.stderr)
  assert.equal(written('time')['command'], process.execPath)
})

const server = {
  name: 'io.github.user/weather',
  description: 'Weather',
  version: '1.0.0',
  packages: [
    {
      registryType: 'npm',
      identifier: 'weather-mcp',
      version: '1.0.0',
      transport: { type: 'stdio' },
      packageArguments: [{ type: 'named', name: '--units', isRequired: true }],
      environmentVariables: [{ name: 'KEY', isSecret: true, isRequired: true }],
    },
  ],
}

test('a server of the registry is added by its name, asked over HTTP', async () => {
  const asked: string[] = []
  const registry = createServer((request, response) => {
    asked.push(request.url ?? '')
    if (!request.url?.includes('weather')) return void response.writeHead(404).end()
    response.end(
      JSON.stringify({ server, _meta: { 'io.modelcontextprotocol.registry/official': { status: 'deprecated' } } }),
    )
  })
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve))
  try {
    env = { ...env, GLOVEBOX_REGISTRY: `http://127.0.0.1:${(registry.address() as AddressInfo).port}` }
    const unset = await add('w', '--registry', 'io.github.user/weather')
    assert.equal(unset.code, 2)
    assert.match(unset.stderr, /--units is missing[^]*--set --units=VALUE/)
    const { code, stderr } = await add('w', '--registry', 'io.github.user/weather', '--set', '--units=metric')
    assert.equal(code, 0, stderr)
    assert.match(stderr, /deprecated/)
    assert.deepEqual(written('w'), {
      command: 'npx',
      args: ['-y', 'weather-mcp@1.0.0', '--units', 'metric'],
      env: { KEY: '${env:KEY}' },
    })
    assert.deepEqual(asked.at(-1), '/v0/servers/io.github.user%2Fweather/versions/latest')
    assert.equal((await add('x', '--registry', 'io.github.user/none')).code, 2)
  } finally {
    registry.close()
  }
})

test('a server.json file does as well, and a registry that is gone is named', async () => {
  const file = path.join(root, 'server.json')
  writeFileSync(file, JSON.stringify(server))
  assert.equal((await add('w', '--registry', file, '--set', '--units=metric')).code, 0)
  env = { ...env, GLOVEBOX_REGISTRY: 'http://127.0.0.1:9' }
  const { code, stderr } = await add('x', '--registry', 'io.github.user/weather')
  assert.equal(code, 1)
  assert.match(stderr, /http:\/\/127\.0\.0\.1:9 cannot be read/)
})

test('a package comes from a registry that npm uses here, configured or by itself, or the server is refused', async () => {
  writeFileSync(path.join(root, '.npmrc'), 'registry=https://mirror.example/npm/\n')
  const bare = { ...env, npm_config_userconfig: '/dev/null', npm_config_globalconfig: '/nowhere/npmrc' }
  const own = spawnSync('npm', ['config', 'get', 'registry'], { env: bare, cwd: '/', encoding: 'utf8' }).stdout.trim()
  const stating = async (name: string, registryBaseUrl: string): Promise<Apart> => {
    const file = path.join(root, `${name}.json`)
    const [found] = server.packages
    writeFileSync(file, JSON.stringify({ ...server, packages: [{ ...found, registryBaseUrl }] }))
    return add(name, '--registry', file, '--set', '--units=metric')
  }
  for (const [name, url] of Object.entries({ mirror: 'https://mirror.example/npm', own })) {
    const { code, stderr } = await stating(name, url)
    assert.equal(code, 0, stderr)
    assert.deepEqual(written(name)['args'], ['-y', 'weather-mcp@1.0.0', '--units', 'metric'])
  }
  const { code, stderr } = await stating('evil', 'https://evil.example')
  assert.equal(code, 4)
  assert.match(stderr, /it comes from https:\/\/evil\.example, which is not the usual registry/)
})

test('a bundle is unpacked, added and verified before each start', async () => {
  const manifest = {
    manifest_version: '0.3',
    name: 'b',
    version: '1.0.0',
    server: {
      type: 'node',
      entry_point: 'index.js',
      mcp_config: { command: 'node', args: ['${__dirname}/index.js', '${user_config.dir}'] },
    },
    user_config: { dir: { type: 'directory', required: true } },
    tools: [{ name: 'read' }],
  }
  const file = path.join(root, 'b.mcpb')
  writeFileSync(
    file,
    zip([
      { name: 'manifest.json', content: JSON.stringify(manifest) },
      { name: 'index.js', content: '1\n' },
    ]),
  )
  const { code, stderr } = await add('b', '--bundle', file, '--set', `dir=${cwd}`)
  assert.equal(code, 0, stderr)
  const { command, args, sandbox } = written('b') as { command: string; args: string[]; sandbox: object }
  assert.deepEqual(sandbox, { filesystem: { read: [cwd] }, tools: { allow: ['read'] } })
  const [script = ''] = args
  const words = [command, ...args]
  const sound = await programOf(words, { cwd, env })
  assert.deepEqual(sound.command, words)
  await sound.verify?.()
  chmodSync(script, 0o644)
  writeFileSync(script, '2\n')
  const { verify } = await programOf(words, { cwd, env })
  await assert.rejects(async () => verify?.(), /index\.js in the store is not what was installed/)
})

test('an address is added as such; two sources, or none, are an error', async () => {
  assert.equal((await add('r', '--url', 'https://example.org/mcp')).code, 0)
  assert.deepEqual(written('r'), { type: 'http', url: 'https://example.org/mcp' })
  for (const words of [
    ['x', '--url', 'file:///etc/passwd'],
    ['x', '--url', 'https://a.example', '--from', 'git'],
    ['x'],
    ['x', '--sha256', 'a'],
    ['x', '--url', 'https://a.example', 'node', 'x.js'],
  ]) {
    const { code, stderr } = await add(...words)
    assert.equal(code, 2, words.join(' '))
    assert.match(stderr, /fix:/)
  }
})
