import assert from 'node:assert/strict'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { compiledFor } from '../support/compiled.ts'
import { runApart, type Apart } from '../support/run-apart.ts'

const fixtures = path.resolve(import.meta.dirname, '../fixtures/import')
let [root, cwd] = ['', '']
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'glovebox-import-'))
  cwd = path.join(root, 'project')
  mkdirSync(cwd)
})
afterEach(() => rmSync(root, { recursive: true }))

const verb = async (...words: string[]): Promise<Apart> =>
  runApart(['import', ...words], {
    env: { PATH: process.env['PATH'], HOME: root, GLOVEBOX_HOME: path.join(root, 'g'), ...compiledFor() },
    cwd,
  })

test('an import makes a configuration, and says line by line what it understood', async () => {
  const { code, stdout, stderr } = await verb(path.join(fixtures, 'gemini.json'))
  assert.equal(code, 0, stderr)
  assert.match(stdout, /1 +left out +mcpServers\.g\.timeout +it is for the client/)
  assert.match(stdout, /2 +look +mcpServers\.l\.cwd +the server is started in the configuration's directory/)
  const { mcpServers } = JSON.parse(readFileSync(path.join(cwd, 'glovebox.json'), 'utf8')) as { mcpServers: object }
  assert.deepEqual(Object.keys(mcpServers), ['g', 'l'])
})

test('comments and servers that are there stay, after a copy, and the file keeps its mode', async () => {
  const file = path.join(cwd, 'glovebox.json')
  const text = '{\n  // mine\n  "mcpServers": {\n    "l": { "command": "node", "args": ["own.js"] } // keep\n  }\n}\n'
  writeFileSync(file, text, { mode: 0o640 })
  const { code, stdout } = await verb(path.join(fixtures, 'gemini.json'))
  assert.equal(code, 0)
  assert.match(stdout, /g: written to .*glovebox\.json/)
  assert.match(stdout, /l: already there, left as it is/)
  const after = readFileSync(file, 'utf8')
  assert.match(after, /\/\/ keep/)
  assert.match(after, /\/\/ mine[^]*own\.js[^]*"g"/)
  assert.equal(statSync(file).mode & 0o777, 0o640)
  const backup = readdirSync(cwd).find((name) => name.endsWith('.bak'))
  assert.equal(readFileSync(path.join(cwd, backup ?? ''), 'utf8'), text)
  await verb(path.join(fixtures, 'gemini.json'), '--replace')
  assert.doesNotMatch(readFileSync(file, 'utf8'), /own\.js/)
})

test('settings of an isolation configuration go to servers that are there', async () => {
  const isolation = path.join(fixtures, 'isolation_config.toml')
  assert.match((await verb(isolation)).stdout, /files, odd: no such server here, import its command first/)
  rmSync(path.join(cwd, 'glovebox.json'))
  copyFileSync(path.join(fixtures, 'codex.toml'), path.join(cwd, 'codex.toml'))
  await verb('codex.toml')
  await verb(isolation)
  const { mcpServers } = JSON.parse(readFileSync(path.join(cwd, 'glovebox.json'), 'utf8')) as {
    mcpServers: { files: { command: string; sandbox: { driver: string; limits: object } } }
  }
  assert.equal(mcpServers.files.command, 'npx')
  assert.equal(mcpServers.files.sandbox.driver, 'microvm')
  assert.deepEqual(mcpServers.files.sandbox.limits, { memory: '256M' })
})

test('--print writes nothing, --json is one document, and the user’s configuration can be meant', async () => {
  const print = await verb(path.join(fixtures, 'zed.json'), '--print')
  assert.ok('mcpServers' in (JSON.parse(print.stdout) as object))
  const both = await verb(path.join(fixtures, 'zed.json'), '--print', '--json')
  assert.equal(both.stderr, '')
  const document = JSON.parse(both.stdout) as { schema: string; config: object }
  assert.equal(document.schema, 'glovebox/import/1')
  assert.deepEqual(document.config, JSON.parse(print.stdout))
  assert.deepEqual(readdirSync(cwd), [])
  const { stdout } = await verb(path.join(fixtures, 'zed.json'), '--user', '--json')
  const { schema, file, added } = JSON.parse(stdout) as { schema: string; file: string; added: string[] }
  assert.equal(schema, 'glovebox/import/1')
  assert.deepEqual(added, ['old', 'new'])
  assert.ok(file.startsWith(path.join(root, 'g')))
})

test('a configuration in TOML is written into as well, and its comments stay', async () => {
  const file = path.join(cwd, 'glovebox.toml')
  writeFileSync(file, '# mine\n[mcpServers.own]\ncommand = "node" # keep\n')
  const { code, stdout, stderr } = await verb(path.join(fixtures, 'zed.json'))
  assert.equal(code, 0, stderr)
  assert.match(stdout, /old, new: written to .*glovebox\.toml/)
  const after = readFileSync(file, 'utf8')
  assert.match(after, /^# mine\n[^]*"node" # keep[^]*\[mcpServers\.new\]\ncommand = "node"/)
})

test('a server that would not start here is told, by what to write into the file; one that would is not', async () => {
  const given = path.join(cwd, 'given')
  mkdirSync(given)
  writeFileSync(path.join(cwd, 'server.mjs'), '')
  const mcpServers = {
    files: { command: 'npx', args: ['-y', '@scope/never-installed', given] },
    image: { command: 'docker', args: ['run', '-i', 'some/image'] },
    remote: { url: 'https://mcp.example/' },
    gone: { command: '/opt/nothing/here' },
    script: { command: 'node', args: ['nothing.mjs'] },
    off: { command: '/opt/nothing/there', disabled: true },
    fine: { command: 'node', args: ['server.mjs'] },
    later: { command: 'npx', args: ['-y', '@scope/never-installed'] },
  }
  writeFileSync(path.join(cwd, 'client.json'), JSON.stringify({ mcpServers }))
  const { code, stdout, stderr } = await verb('client.json', '--json')
  assert.equal(code, 0, stderr)
  const { wouldNotStart } = JSON.parse(stdout) as { wouldNotStart: { server: string; message: string; fix: string }[] }
  const told = new Map(wouldNotStart.map(({ server, message, fix }) => [server, `${message}; ${fix}`]))
  assert.deepEqual([...told.keys()], ['files', 'image', 'remote', 'gone', 'script'])
  const expected = `to "files" in ${path.join(cwd, 'glovebox.json')} add "sandbox": { "filesystem": { "read": ["${given}"] } }`
  assert.ok(told.get('files')?.includes(expected), told.get('files'))
  assert.match(told.get('image') ?? '', /container driver/)
  assert.match(told.get('script') ?? '', /there is no .*nothing\.mjs/)
  const env = { PATH: process.env['PATH'], HOME: root, GLOVEBOX_HOME: path.join(root, 'g'), ...compiledFor() }
  const checked = await runApart(['policy', 'check'], { env, cwd })
  assert.equal(checked.code, 0, checked.stderr)
  assert.match(checked.stdout, /^fine .*\n\nwould not start here\n {2}files {2}the argument/)
})

test('add says what would keep the server from starting, or from being the same everywhere, and wants a name', async () => {
  const env = { PATH: process.env['PATH'], HOME: root, GLOVEBOX_HOME: path.join(root, 'g'), ...compiledFor() }
  const add = async (...words: string[]): Promise<Apart> => runApart(['add', ...words], { env, cwd })
  mkdirSync(path.join(cwd, 'docs'))
  writeFileSync(path.join(cwd, 'server.mjs'), '')
  const unnamed = await add('--', 'node', 'server.mjs')
  assert.equal(unnamed.code, 2)
  assert.match(unnamed.stderr, /no name\n {2}fix: .*glovebox add NAME -- node server\.mjs/)
  const hidden = await add('files', '--', 'node', path.join(cwd, 'server.mjs'), './docs')
  assert.equal(hidden.code, 0, hidden.stderr)
  assert.match(
    hidden.stderr,
    /"\.\/docs" is looked up from wherever[^]*would not start here\n {2}files {2}the argument/,
  )
  const fine = await add('whole', '--read', 'docs', '--', 'node', path.join(cwd, 'server.mjs'), path.join(cwd, 'docs'))
  assert.deepEqual([fine.code, fine.stderr], [0, ''])
})
