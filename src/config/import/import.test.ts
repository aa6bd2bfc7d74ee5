import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { assert as check, constantFrom, dictionary, jsonValue, oneof, property, string } from 'fast-check'
import { GloveboxError } from '../../errors.ts'
import { treeOf, type Plain } from '../tree.ts'
import { readForeign } from './formats.ts'
import { importFile, type ImportedFile } from './import-file.ts'

const fixtures = path.resolve(import.meta.dirname, '../../../test/fixtures/import')
const read = async (name: string): Promise<ImportedFile> => importFile(path.join(fixtures, name))
const servers = ({ config }: ImportedFile): Plain => JSON.parse(JSON.stringify(config.mcpServers ?? {})) as Plain
const told = ({ notes }: ImportedFile): string[] =>
  notes.map(({ line, key, verdict, say }) => `${line} ${key}: ${verdict}${say === '' ? '' : `, ${say}`}`)

test('a file of Claude Code: user and project scope, variables, and a secret in plain text that is told', async () => {
  const found = await read('claude.json')
  assert.deepEqual(servers(found), {
    files: {
      command: 'npx',
      args: ['-y', '@modelcontextprotocol/server-filesystem', `${homedir()}/notes`],
      env: { API_KEY: 'plain-secret', REGION: '${env:REGION}', DEBUG: 'true' },
    },
    remote: { type: 'http', url: 'https://example.org/mcp', headers: { 'X-Team': 'a' } },
    'files-2': { command: 'node', args: ['server.js'], enabled: false },
  })
  const lines = told(found)
  assert.ok(
    lines.includes(
      '8 mcpServers.files.env.API_KEY: look, a secret in plain text; "${env:API_KEY}" copies it from our environment instead',
    ),
  )
  assert.ok(lines.includes('8 mcpServers.files.env.REGION: changed, copied from our environment: ${env:REGION}'))
  assert.ok(lines.includes('2 numStartups: left out, no servers are in it'))
  assert.ok(lines.some((line) => line.endsWith('changed, its name is files-2 here')))
})

test('a file of VS Code: the workspace folder is put in, inputs become variables, what cannot be kept is told', async () => {
  const found = await read('vscode.json')
  assert.deepEqual(servers(found), {
    git: { command: 'uvx', args: ['mcp-server-git', '--repository', fixtures], env: { TOKEN: '${env:API_KEY}' } },
    'two-words': {
      command: 'node',
      args: ['$ {command:pick}'],
      env: { GLOVEBOX_IMPORT_UNFINISHED: '${env:GLOVEBOX_IMPORT_UNFINISHED}' },
      enabled: false,
    },
  })
  const lines = told(found)
  assert.ok(
    lines.includes(
      '9 servers.git.env.TOKEN: changed, copied from our environment: ${env:API_KEY}; the client asks for it: set API_KEY before the start',
    ),
  )
  assert.ok(lines.includes('10 servers.git.envFile: look, name the variables in "env", or start with --env-file'))
  assert.ok(lines.some((line) => line.includes('${command:pick} is not replaced here')))
})

test('files of Windsurf, Zed, Codex, Gemini and Continue', async () => {
  assert.deepEqual(servers(await read('windsurf.json')), {
    w: { url: 'https://w.example/sse', sandbox: { tools: { deny: ['delete'] } } },
    win: { command: 'npx', args: ['-y', 'server'] },
  })
  assert.deepEqual(servers(await read('zed.json')), {
    old: { command: 'node', args: ['a.js'], env: { A: '1' } },
    new: { command: 'node', args: ['b.js'] },
  })
  assert.deepEqual(servers(await read('codex.toml')), {
    files: {
      command: 'npx',
      args: ['-y', 'server'],
      env: { LEVEL: 'info' },
      sandbox: { tools: { allow: ['read'] }, limits: { time: '60s' } },
    },
    web: { url: 'https://web.example/mcp' },
  })
  assert.deepEqual(servers(await read('gemini.json')), {
    g: { url: 'https://g.example/mcp', sandbox: { tools: { allow: ['a'], deny: ['b'] } } },
    l: { command: 'python', args: ['-m', 'server'] },
  })
  assert.deepEqual(servers(await read('continue.yaml')), {
    sqlite: { command: 'npx', args: ['-y', 'mcp-server-sqlite-npx', '/data/a.db'] },
  })
})

test('an isolation configuration becomes settings of servers that are elsewhere', async () => {
  const found = await read('isolation_config.toml')
  assert.deepEqual(JSON.parse(JSON.stringify(found.settings)), {
    files: {
      driver: 'microvm',
      limits: { memory: '256M' },
      tools: { each: { write_file: { driver: 'microvm', lifetime: 'call' } } },
    },
    odd: {},
  })
  assert.deepEqual(JSON.parse(JSON.stringify(found.config)), {
    microvm: { memory: '512M', cpus: 2, kernel: '/opt/vmlinux' },
  })
  assert.ok(told(found).some((line) => line.startsWith('21 ') && line.includes('no driver isolates like this')))
})

test('settings of srt and a manifest become defaults', async () => {
  assert.deepEqual(JSON.parse(JSON.stringify((await read('srt-settings.json')).config.defaults)), {
    filesystem: { write: ['/data'], deny: ['~/.ssh', '/data/.env'] },
    network: { allow: ['api.example.org', '*.example.com'] },
  })
  assert.deepEqual(JSON.parse(JSON.stringify((await read('manifest.json')).config.defaults)), {
    filesystem: { read: ['/data'] },
    exec: ['node'],
    tools: { allow: ['read_*'] },
    mode: 'audit',
    limits: { memory: '256M', cpus: 0.5 },
  })
})

test('addresses and ports of a manifest, and names that srt has, become rules; what is none is told and left out', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-import-'))
  try {
    const of = async (text: object) => {
      const file = path.join(directory, 'x.json')
      writeFileSync(file, JSON.stringify(text))
      const { config, notes } = await importFile(file)
      return { network: JSON.parse(JSON.stringify(config.defaults?.network ?? null)) as unknown, notes }
    }
    const manifest = await of({
      allowed_egress_ips: ['192.0.2.1'],
      allowed_egress_ipv6: ['2001:db8::1'],
      allowed_egress_ports: [443, 5432],
      allowed_dns_resolvers: ['9.9.9.9'],
    })
    assert.deepEqual(manifest.network, {
      allow: ['192.0.2.1:443,5432', '[2001:db8::1]:443,5432'],
      resolvers: ['9.9.9.9'],
    })
    const srt = await of({
      network: { allowedDomains: ['a.example', '*.com', 'https://b.example'], deniedDomains: ['*.com'] },
    })
    assert.deepEqual(srt.network, { allow: ['a.example'], deny: ['*.com'] })
    const looks = srt.notes.filter(({ verdict }) => verdict === 'look').map(({ say }) => say)
    assert.equal(looks.length, 2)
    assert.match(looks[1] ?? '', /is a URL: left out; write "b\.example:443"/)
    assert.ok(srt.notes.some(({ say }) => say.includes('here on 443')))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('every key of every file is spoken of', async () => {
  for (const [name, keys] of Object.entries({
    'gemini.json': ['httpUrl', 'timeout', 'trust', 'includeTools', 'excludeTools', 'command', 'args', 'cwd'],
    'codex.toml': [
      'model',
      'command',
      'startup_timeout_sec',
      'tool_timeout_sec',
      'enabled_tools',
      'LEVEL',
      'url',
      'bearer_token_env_var',
    ],
    'srt-settings.json': [
      'allowedDomains',
      'allowLocalBinding',
      'denyRead',
      'allowWrite',
      'denyWrite',
      'ignoreViolations',
    ],
  })) {
    const { notes } = await read(name)
    for (const key of keys)
      assert.ok(
        notes.some((note) => note.key.split(/[.[]/).includes(key)),
        `${name}: ${key}`,
      )
  }
})

test('a file that is nobody’s, and one that is broken, are refused with a place or a list', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-import-'))
  try {
    const attempt = async (text: string): Promise<unknown> => {
      const file = path.join(directory, 'x.json')
      writeFileSync(file, text)
      return importFile(file).catch((error: unknown) => error)
    }
    for (const [text, message] of [
      ['{"a": 1}', /no servers and no settings/],
      ['{"mcpServers": {}}', /no servers and no settings/],
      ['{"mcpServers": {"a": {"command": "x"', /x\.json:1:\d+/],
      ['[]', /no servers and no settings/],
    ] as const) {
      const error = await attempt(text)
      assert.ok(error instanceof GloveboxError && error.fix !== undefined, text)
      assert.match(error.message, message)
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('any tree is read without harm: servers have a command or an address, and no prototype is touched', () => {
  const key = oneof(
    string(),
    constantFrom('command', 'args', 'env', 'url', '__proto__', 'constructor', 'type', 'disabled'),
  )
  const server = dictionary(key, jsonValue())
  const section = constantFrom('mcpServers', 'servers', 'context_servers', 'mcp_servers')
  check(
    property(section, dictionary(oneof(string(), constantFrom('__proto__', 'a')), server), (name, entries) => {
      const found = readForeign(treeOf({ [name]: entries as Plain }), { project: '/p', home: '/h' })
      for (const each of Object.values(found?.servers ?? {}))
        if (found?.format !== 'an isolation configuration')
          assert.ok(each.command !== undefined || each.url !== undefined)
      assert.equal(Object.hasOwn(Object.prototype, 'command'), false)
    }),
    { numRuns: 3000 },
  )
})
