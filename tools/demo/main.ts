import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import path from 'node:path'
import pc from 'picocolors'
import type { Receipt } from '../../src/drivers/driver.ts'
import { renderReceipt } from '../../src/ui/receipt.ts'
import { styleFor } from '../../src/ui/style.ts'
import { attempts, defaultMemory, tryIt, type Tried } from './attempts.ts'
import { chapter, marks, rows, say, short, typed } from './page.ts'
import { glovebox } from './programs.ts'
import { setScene, type Scene } from './scene.ts'
import { callTool, connect, installCommand, installServer, type Connection, type InstalledServer } from './server.ts'
import { compare } from './timings.ts'

/** `npm run demo`: a real MCP server in the jail, what it can do there, and what it cannot. */
const started = performance.now()
const failures: string[] = []
{
  await using scene = await setScene()
  const env = { ...process.env, HOME: scene.home, GLOVEBOX_HOME: path.join(scene.directory, 'glovebox') }
  const who = process.getuid?.() === 0 ? 'as root' : 'as an ordinary user'
  process.stdout.write(`\n${pc.bold('Glovebox')}  ${pc.dim(`Linux ${release()}, ${who}, Node ${process.version}`)}\n`)

  const server = await installation(scene)
  const receipt = path.join(scene.directory, 'receipt.json')
  const walled = (flags: readonly string[]): string[] => [
    ...glovebox,
    'run',
    ...flags,
    '--',
    ...bareWords(server, scene),
  ]
  const flags = ['--read', scene.notes, '--write', scene.drafts, '--deny-tools', 'move_file']
  {
    await using connection = await connect(walled([...flags, '--receipt', receipt]), env)
    await introduction(connection, scene)
    await allowed(connection, scene)
    await refusedByTheGuard(connection, scene)
  }
  await refusedByTheWall(scene, env)
  showReceipt(receipt)
  await timings(bareWords(server, scene), walled(flags), env)
}
conclude()

function bareWords(server: InstalledServer, scene: Scene): string[] {
  return [process.execPath, server.script, scene.notes, scene.drafts]
}

async function installation(scene: Scene): Promise<InstalledServer> {
  chapter(1, 'A real MCP server, from npm')
  typed(installCommand().join(' '))
  const server = await installServer(scene.directory)
  say(pc.dim(`${server.packages} packages in ${server.seconds.toFixed(1)} s, none of whose scripts has run`))
  return server
}

async function introduction({ client, startMs }: Connection, scene: Scene): Promise<void> {
  chapter(2, 'The same server behind the wall')
  const command =
    'glovebox run --read notes --write drafts --deny-tools move_file -- node server-filesystem notes drafts'
  typed(command)
  const { tools } = await client.listTools()
  const about = client.getServerVersion()
  say(`${about?.name} ${about?.version}, ready after ${startMs.toFixed(0)} ms, offers ${tools.length} tools:`)
  say(pc.dim(wrapped(tools.map(({ name }) => name))))
  expect(
    tools.length > 0 && !tools.some(({ name }) => name === 'move_file'),
    'move_file is listed, though it is denied',
  )
  say(pc.dim(`(notes and drafts are in ${scene.directory})`))
}

async function allowed({ client }: Connection, scene: Scene): Promise<void> {
  chapter(3, 'What it may do')
  const read = await callTool(client, 'read_text_file', { path: path.join(scene.notes, 'groceries.txt') })
  const draft = path.join(scene.drafts, 'reply.txt')
  await callTool(client, 'write_file', { path: draft, content: 'See you on Sunday.' })
  const written = readFileSync(draft, 'utf8')
  expect(!read.isError && read.text.includes('candles'), 'an allowed file could not be read')
  expect(written === 'See you on Sunday.', 'an allowed file could not be written')
  rows([
    [marks.good, 'read_text_file notes/groceries.txt', pc.dim(short(read.text))],
    [marks.good, 'write_file drafts/reply.txt', pc.dim(`on the host now: ${short(written)}`)],
  ])
}

/** The denied tool is there bare, which chapter 5 would show; here it must be as if it did not exist. */
async function refusedByTheGuard({ client }: Connection, scene: Scene): Promise<void> {
  chapter(4, 'What it may not do: messages')
  const outside = await callTool(client, 'read_text_file', { path: scene.diary })
  const source = path.join(scene.drafts, 'reply.txt')
  const hidden = await callTool(client, 'move_file', { source, destination: `${source}.moved` }).then(
    ({ text, isError }) => ({ refused: isError && /Unknown tool/.test(text), text }),
    (error: Error & { code?: number }) => ({ refused: error.code === -32602, text: `${error.code}: ${error.message}` }),
  )
  expect(outside.isError, 'the server has read a file outside')
  expect(hidden.refused, 'a denied tool could be called')
  rows([
    [
      outside.isError ? marks.good : marks.bad,
      'read a file outside, by asking the server',
      pc.dim(short(outside.text.replaceAll(scene.directory, '…'))),
    ],
    [hidden.refused ? marks.good : marks.bad, 'call the hidden tool move_file', pc.dim(short(hidden.text))],
  ])
}

async function refusedByTheWall(scene: Scene, env: NodeJS.ProcessEnv): Promise<void> {
  chapter(5, 'What it may not do: whatever the server’s code tries')
  const tried: Tried[] = []
  for (const attempt of attempts(scene)) {
    const result = await tryIt(attempt, env)
    tried.push(result)
    if (result.verdict === 'cannot') tried.push(await tryIt(defaultMemory, env))
  }
  rows([['', '', pc.bold('bare'), pc.bold('behind the wall')], ...tried.map(attemptRow)])
  for (const { attempt, verdict, walled } of tried) {
    if (verdict === 'cannot')
      say(pc.dim(`\nNot on this host, for this user: “${attempt.what}”. Nothing was started:\n${walled.stderr.trim()}`))
    expect(verdict === 'held' || verdict === 'cannot', `“${attempt.what}” is ${verdict}: ${short(walled.stderr, 200)}`)
  }
  expect(scene.connections() === 1, `the listener saw ${scene.connections()} connections and not the one that was bare`)
}

function attemptRow({ attempt, bare, walled, verdict }: Tried): string[] {
  const mark = verdict === 'held' ? marks.good : verdict === 'cannot' ? marks.cannot : marks.bad
  const told = walled.stderr.trim().split('\n').at(-1) ?? ''
  const inWords =
    verdict === 'cannot' ? 'this host cannot promise it (below)' : told === '' ? `exit code ${walled.code}` : told
  return [
    mark,
    attempt.what,
    bare.code === 0 ? 'works' : `exit code ${bare.code}`,
    pc.dim(short(inWords.replace(/^.*?: (?=.*: )/, ''))),
  ]
}

function showReceipt(file: string): void {
  chapter(6, 'The receipt: what the kernel held, and with what')
  const receipt = JSON.parse(readFileSync(file, 'utf8')) as Receipt
  say(renderReceipt(receipt, styleFor(process.stdout, process.env)).trimEnd())
  expect(
    receipt.enforcements.every(({ enforced }) => enforced),
    'a control is not enforced',
  )
}

async function timings(bare: readonly string[], walled: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  chapter(7, 'What it costs')
  const seen = await compare(bare, walled, env)
  const line = (what: string, key: 'startMs' | 'callMs', digits: number): string[] => [
    what,
    `${seen.bare[key].toFixed(digits)} ms`,
    `${seen.walled[key].toFixed(digits)} ms`,
    pc.dim(`+${(seen.walled[key] - seen.bare[key]).toFixed(digits)} ms`),
  ]
  rows([
    ['', pc.bold('bare'), pc.bold('Glovebox'), ''],
    line('from start to the answer to initialize', 'startMs', 0),
    line('a tool call', 'callMs', 2),
  ])
  say(pc.dim('medians, taken in turns'))
}

function expect(holds: boolean, otherwise: string): void {
  if (!holds) failures.push(otherwise)
}

function wrapped(names: readonly string[]): string {
  const lines = ['']
  for (const name of names) {
    const line = `${lines.at(-1)}${lines.at(-1) === '' ? '' : ', '}${name}`
    if (line.length > 90) lines.push(name)
    else lines[lines.length - 1] = line
  }
  return lines.join(',\n')
}

function conclude(): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  if (failures.length === 0) {
    process.stdout.write(`\n${marks.good} All of it as it has to be, in ${seconds} s.\n\n`)
    return
  }
  process.stdout.write(`\n${failures.map((failure) => `${marks.bad} ${failure}\n`).join('')}\n`)
  process.exitCode = 1
}
