import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { homedir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { ordinaryUser } from '../support/as-user.ts'
import { loopbackResolver, type LoopbackResolver } from '../support/loopback-resolver.ts'
import { start, type Ended } from '../support/mcp-client.ts'

/** The examples of docs/learning.md that have a past: what they show is what is looked at here. */
const runner = ordinaryUser()
const web = createServer((_request, response) => response.end('the page'))
let resolver: LoopbackResolver
let files = ''
let port = 0

before(async () => {
  // Outside of everything that a sandbox has of its own, as /tmp is, and where who runs this may write.
  files = mkdtempSync(path.join(process.getuid?.() === 0 ? '/srv' : homedir(), 'glovebox-learn-'))
  chmodSync(files, 0o755)
  for (const name of ['in', 'out', 'keys/.ssh']) mkdirSync(path.join(files, name), { recursive: true })
  writeFileSync(path.join(files, 'in/notes.txt'), 'the notes')
  writeFileSync(path.join(files, 'in/other.txt'), 'another file')
  writeFileSync(path.join(files, 'keys/.ssh/id_rsa'), 'a key')
  writeFileSync(path.join(files, 'tool'), '#!/bin/sh\necho the tool\n', { mode: 0o755 })
  chownSync(path.join(files, 'out'), runner.uid, runner.gid)
  web.listen(0, '127.0.0.1')
  resolver = await loopbackResolver('files.test', '127.0.0.1')
  port = (web.address() as AddressInfo).port
})
after(() => {
  web.close()
  resolver.close()
  rmSync(files, { recursive: true })
})

/** Without blocking: the server and the resolver are in this process. */
async function cli(args: readonly string[]): Promise<Ended> {
  const { child, ended } = start(runner, args)
  child.stdin?.end()
  return ended
}

/** Stops at the first thing that it is refused, but for what it only tries. */
const script = (): string => `
const fs = require('node:fs')
try { fs.readFileSync('${files}/keys/.ssh/id_rsa') } catch {}
console.log(fs.readFileSync('${files}/in/notes.txt', 'utf8'))
fs.writeFileSync('${files}/out/made.txt', 'made')
console.log(require('node:child_process').execFileSync('${files}/tool', { encoding: 'utf8' }).trim())
require('node:http').get('http://files.test:${port}/', (answer) => answer.on('data', (page) => console.log(String(page))).on('end', () => process.exit(0)))
`
const base = (): string[] => ['--resolver', resolver.address, '--allow-private', '127.0.0.0/8']

test('a command is run until it asks for nothing new; under what was learned it works, and nothing else does', async () => {
  const command = [runner.node, '-e', script()]
  const file = path.join(runner.home, 'learned.json')
  const lesson = await cli([
    'policy',
    'learn',
    '--name',
    'pages',
    '--rounds',
    '8',
    '--json',
    '--output',
    file,
    ...base(),
    '--',
    ...command,
  ])
  assert.equal(lesson.code, 0, lesson.stderr)
  const learned = JSON.parse(lesson.stdout.trimEnd().split('\n').at(-1) ?? '')
  assert.equal(learned.complete, true, lesson.stderr)
  assert.equal(learned.exitCode, 0)
  assert.ok(learned.rounds.length > 2, 'it stopped at what it was refused, and went on')
  assert.deepEqual(learned.flags, [
    `--read=${files}/in/notes.txt`,
    `--write=${files}/out`,
    `--allow-net=files.test:${port}`,
    `--exec=${files}/tool`,
  ])
  assert.deepEqual(
    learned.notGiven.map(({ what }: { what: string }) => what),
    [`${files}/keys/.ssh/id_rsa`],
  )
  assert.match(lesson.stderr, /round 2: with what it asked for: \S+\/in\/notes\.txt\n/)

  rmSync(path.join(files, 'out/made.txt'))
  const again = await cli(['exec', ...base(), ...learned.flags, '--', ...command])
  assert.deepEqual([again.code, again.stdout], [0, 'the notes\nthe tool\nthe page\n'], again.stderr)
  assert.equal(readFileSync(path.join(files, 'out/made.txt'), 'utf8'), 'made')

  const other = (source: string): Promise<Ended> =>
    cli(['exec', ...base(), ...learned.flags, '--', runner.node, '-e', source])
  for (const refused of [
    `require('node:fs').readFileSync('${files}/in/other.txt')`,
    `require('node:fs').writeFileSync('${files}/in/notes.txt', 'x')`,
    `require('node:child_process').execFileSync('/usr/bin/id')`,
    `require('node:net').connect(${port + 1}, 'files.test')`,
    `require('node:dns').lookup('else.test', (error) => { throw error })`,
  ]) {
    assert.equal((await other(refused)).code, 1, refused)
  }

  const text = readFileSync(file, 'utf8')
  assert.match(text, /"[^"]+\/in\/notes\.txt" \/\/ \S+node\S*/)
  assert.match(text, /Asked for and not given:\n +\/\/ \S+\/id_rsa: it is keys for other machines/)
  const started = await cli(['run', '--config', file, 'pages'])
  assert.equal(started.code, 0, started.stderr)
  for (const [flag, value, why] of [
    ['--output', file, /is there already/],
    ['--output', `${files}/nowhere/x.json`, /cannot be written: ENOENT/],
    ['--output', `${file}/below/x.json`, /cannot be written: ENOTDIR/],
    ['--vmm', 'qemu', /--vmm: the entry of a server has no word for it/],
  ] as const) {
    const words = ['--write', `${files}/out`, flag, value, '--', 'touch', `${files}/out/ran`]
    const early = await cli(['policy', 'learn', ...words])
    assert.equal(early.code, flag === '--output' ? 1 : 2, early.stderr)
    assert.match(early.stderr, why)
    assert.ok(!existsSync(`${files}/out/ran`), 'it was run before that was found out')
  }
})

test('a server of the configuration is given what it asked for once the change was shown; its client’s stdout is not written to', async () => {
  const config = path.join(runner.home, '.config/glovebox')
  mkdirSync(config, { recursive: true })
  const file = path.join(config, 'glovebox.json')
  const text = `{
  "mcpServers": { "notes": { "command": ${JSON.stringify(runner.node)}, "args": ["-e", "require('node:fs').readFileSync('${files}/in/notes.txt')"] } } // mine
}
`
  writeFileSync(file, text)
  for (const made of [path.dirname(config), config, file]) chownSync(made, runner.uid, runner.gid)
  const lost = await cli(['policy', 'learn', 'notes'])
  assert.equal(lost.code, 2)
  assert.match(lost.stderr, /would go to its client/)

  const unasked = await cli(['policy', 'learn', '--save', 'notes', 'notes'])
  assert.equal(unasked.code, 2)
  assert.match(unasked.stderr, /\+ [^\n]*notes\.txt[^]*answer with --yes/)
  assert.equal(readFileSync(file, 'utf8'), text)

  const saved = await cli(['policy', 'learn', '--save', 'notes', '--yes', 'notes'])
  assert.equal(saved.code, 0, saved.stderr)
  assert.equal(saved.stdout, '')
  assert.match(saved.stderr, /round 1 still asked for something new/, 'its input is a pipe: one round')
  assert.match(readFileSync(file, 'utf8'), /"sandbox": [^]*"exec": \[\][^]*\/\/ mine/)
  assert.equal((await cli(['run', 'notes'])).code, 0)

  const fresh = await cli(['policy', 'learn', '--save', 'fresh', '--yes', '--', '/bin/cat', `${files}/in/other.txt`])
  assert.equal(fresh.code, 0, fresh.stderr)
  const shown = await cli(['show', 'fresh', '--json'])
  assert.deepEqual(JSON.parse(shown.stdout).policy.filesystem.read, [`${files}/in/other.txt`])
})
