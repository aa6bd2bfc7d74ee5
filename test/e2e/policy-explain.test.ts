import assert from 'node:assert/strict'
import { chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { ordinaryUser } from '../support/as-user.ts'
import { glovebox } from '../support/mcp-client.ts'

/** The examples of docs/learning.md that have a past: what they show is what is looked at here. */
const runner = ordinaryUser()
const cli = (args: readonly string[], input: string = '') => {
  const [program, ...words] = glovebox(runner, args)
  return runner.spawnSync(program, words, { input })
}

const directory = path.join(runner.home, '.config/glovebox')
const file = path.join(directory, 'glovebox.json')

function write(text: string): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(file, text)
  for (const made of [path.dirname(directory), directory, file]) chownSync(made, runner.uid, runner.gid)
}

/** A program that is refused one connection, and is not told apart from a server by anything that matters here. */
const source = `require('node:net').connect(443, '203.0.113.7').on('error', () => process.exit(0))`

test('a denial is explained, and one yes writes the line that allows it, into the server that was refused', () => {
  const before = `{
  // what it talks to
  "mcpServers": { "talks": { "command": "${runner.node}", "args": ["-e", ${JSON.stringify(source)}] } }
}
`
  write(before)
  assert.equal(cli(['policy', 'explain', 'talks']).status, 1)
  const run = cli(['run', 'talks'])
  assert.equal(run.status, 0, run.stderr)

  const told = cli(['policy', 'explain', 'talks'])
  assert.equal(told.status, 0, told.stderr)
  assert.match(told.stdout, /wanted to connect to 203\.0\.113\.7:443, and was refused\./)
  assert.match(told.stdout, /rule {4}network\.default-deny/)
  assert.match(told.stdout, /flag {4}--allow-net 203\.0\.113\.7:443/)
  const asJson = JSON.parse(cli(['policy', 'explain', 'talks', '--json']).stdout)
  assert.equal(asJson.schema, 'glovebox/policy-explain/1')
  const { id } = asJson.event
  assert.match(cli(['audit', 'query', '--server', 'talks', '--kind', 'connect']).stdout, new RegExp(` ${id} `))
  assert.equal(cli(['policy', 'explain', id]).stdout, told.stdout)

  // 203.0.113.0/24 is for documentation: an address of nobody’s is nothing that one yes should open.
  const refused = cli(['policy', 'explain', 'talks', '--apply', '--yes'])
  assert.equal(refused.status, 4, refused.stderr)
  assert.match(refused.stderr, /a person has to write this one: --allow-net 203\.0\.113\.7:443/)
  assert.equal(readFileSync(file, 'utf8'), before)
})

test('a name that is looked up where there is no network is a denial, and what to write is told', () => {
  const asked = cli(['exec', '--', 'getent', 'hosts', 'name.example'])
  assert.equal(asked.status, 2, asked.stderr)
  const told = cli(['policy', 'explain', 'getent'])
  assert.match(told.stdout, /wanted to look up a name, and was refused\./)
  assert.match(told.stdout, /rule {4}network\.no-resolver/)
  assert.match(told.stdout, /flag {4}--allow-net NAME/)
  const denied = cli(['audit', 'query', '--server', 'getent', '--denied', '--json']).stdout.trim().split('\n')
  assert.deepEqual([...new Set(denied.map((line) => JSON.parse(line).firewall_rule.name))], ['network.no-resolver'])
})

test('--apply shows the change, asks, keeps a copy, and the server then may', () => {
  const before = `{
  "mcpServers": {
    "starts": { "command": "/bin/sh", "args": ["-c", "/usr/bin/id >&2"], "sandbox": { "exec": [] } } // nothing else
  }
}
`
  write(before)
  assert.match(cli(['run', 'starts']).stderr, /Permission denied/)
  const unasked = cli(['policy', 'explain', 'starts', '--apply'])
  assert.equal(unasked.status, 2)
  assert.match(unasked.stderr, /\+ .*"exec": \["\/usr\/bin\/id"\].*nothing else[^]*--yes/)
  assert.equal(readFileSync(file, 'utf8'), before)

  const applied = cli(['policy', 'explain', 'starts', '--apply', '--yes', '--json'])
  assert.equal(applied.status, 0, applied.stderr)
  const { remedy, applied: written } = JSON.parse(applied.stdout)
  assert.deepEqual(remedy.grant, { how: 'add', key: ['exec'], value: '/usr/bin/id' })
  assert.equal(readFileSync(written.backup, 'utf8'), before)
  assert.equal(readFileSync(file, 'utf8'), before.replace('"exec": []', '"exec": ["/usr/bin/id"]'))
  assert.equal(readdirSync(directory).filter((name) => name.endsWith('.bak')).length, 1)
  assert.match(cli(['run', 'starts']).stderr, /uid=/)

  const again = cli(['policy', 'explain', 'starts', '--apply', '--yes'])
  assert.equal(again.status, 2)
  assert.match(again.stderr, /has "\/usr\/bin\/id" already[^]*start it again/)
})

test('where nothing allows it, that is said, with exit code 4', () => {
  const run = cli(
    ['run', '--name', 'wall', '--', runner.node, '-e', 'process.stdin.resume()'],
    '{"jsonrpc":"2.0","id":1,"method":5}\n',
  )
  assert.equal(run.status, 0, run.stderr)
  const told = cli(['policy', 'explain', 'wall'])
  assert.equal(told.status, 4, told.stderr)
  assert.match(
    told.stdout,
    /rule {4}guard\.bad-method[^]*Nothing allows this\.\nnote {4}No policy lets such a message pass/,
  )
  const applied = cli(['policy', 'explain', 'wall', '--apply', '--yes'])
  assert.equal(applied.status, 4)
  assert.match(applied.stderr, /there is nothing to apply/)
})
