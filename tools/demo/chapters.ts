import { readFileSync } from 'node:fs'
import path from 'node:path'
import { paint } from '../paint.ts'
import type { Receipt } from '../../src/drivers/driver.ts'
import { attempts, defaultMemory, tryIt, type Tried } from './attempts.ts'
import { marks, rows, say, short, typed } from './page.ts'
import type { Scene } from './scene.ts'
import { callTool, installCommand, installServer, type Connection, type InstalledServer } from './server.ts'
import { compare } from './timings.ts'

/** Told what did not hold; nothing said means that it did. */
export type Expect = (holds: boolean, otherwise: string) => void

export async function install(scene: Scene): Promise<InstalledServer> {
  typed(installCommand().join(' '))
  const server = await installServer(scene.directory)
  say(paint.dim(`${server.packages} packages in ${server.seconds.toFixed(1)} s, none of whose scripts has run`))
  return server
}

export async function introduce({ client, startMs }: Connection, scene: Scene, expect: Expect): Promise<void> {
  typed('glovebox run --read notes --write drafts --deny-tools move_file -- node server-filesystem notes drafts')
  const names = (await client.listTools()).tools.map(({ name }) => name)
  const about = client.getServerVersion()
  say(`${about?.name} ${about?.version}, ready after ${startMs.toFixed(0)} ms, offers ${names.length} tools:`)
  say(paint.dim(wrapped(names)))
  say(paint.dim(`(notes and drafts are in ${scene.directory})`))
  expect(names.length > 0 && !names.includes('move_file'), 'move_file is listed, though it is denied')
}

export async function use({ client }: Connection, scene: Scene, expect: Expect): Promise<void> {
  const read = await callTool(client, 'read_text_file', { path: path.join(scene.notes, 'groceries.txt') })
  const draft = path.join(scene.drafts, 'reply.txt')
  await callTool(client, 'write_file', { path: draft, content: 'See you on Sunday.' })
  const written = readFileSync(draft, 'utf8')
  expect(!read.isError && read.text.includes('candles'), 'an allowed file could not be read')
  expect(written === 'See you on Sunday.', 'an allowed file could not be written')
  rows([
    [marks.good, 'read_text_file notes/groceries.txt', paint.dim(short(read.text))],
    [marks.good, 'write_file drafts/reply.txt', paint.dim(`on the host now: ${short(written)}`)],
  ])
}

/** A denied tool is as if it did not exist; a path outside is refused by the server itself, for as long as it behaves. */
export async function misuseMessages({ client }: Connection, scene: Scene, expect: Expect): Promise<void> {
  const outside = await callTool(client, 'read_text_file', { path: scene.diary })
  const source = path.join(scene.drafts, 'reply.txt')
  const hidden = await callTool(client, 'move_file', { source, destination: `${source}.moved` }).then(
    ({ text }) => ({ refused: false, text }),
    (error: Error & { code?: number }) => ({ refused: error.code === -32602, text: `${error.code}: ${error.message}` }),
  )
  expect(outside.isError, 'the server has read a file outside')
  expect(hidden.refused, 'a denied tool could be called')
  const mark = (holds: boolean): string => (holds ? marks.good : marks.bad)
  rows([
    [mark(outside.isError), 'ask the server for a file outside', paint.dim(short(withoutPaths(outside.text, scene)))],
    [mark(hidden.refused), 'call the hidden tool move_file', paint.dim(short(hidden.text))],
  ])
}

export async function misuseSystem(scene: Scene, env: NodeJS.ProcessEnv, expect: Expect): Promise<void> {
  const tried: Tried[] = []
  for (const attempt of attempts(scene)) {
    const result = await tryIt(attempt, env, scene)
    tried.push(result)
    if (result.verdict === 'cannot') tried.push(await tryIt(defaultMemory, env, scene))
  }
  rows([['', '', paint.bold('bare'), paint.bold('behind the wall')], ...tried.map((each) => attemptRow(each, scene))])
  for (const { attempt, verdict, walled } of tried) {
    if (verdict === 'cannot')
      say(
        paint.dim(
          `\nThis host cannot promise “${attempt.what}” to this user, so nothing was started:\n${walled.stderr.trim()}`,
        ),
      )
    expect(verdict === 'held' || verdict === 'cannot', `“${attempt.what}” is ${verdict}: ${short(walled.stderr, 200)}`)
  }
  const seen = scene.connections()
  expect(seen === 1, `the listener saw ${seen} connections, where only the bare one may arrive`)
}

function attemptRow({ attempt, bare, walled, verdict }: Tried, scene: Scene): string[] {
  const mark = { held: marks.good, cannot: marks.cannot, open: marks.bad, unproved: marks.bad }[verdict]
  const told = withoutPaths(walled.stderr.trim().split('\n').at(-1) ?? '', scene)
  const inWords = verdict === 'cannot' ? 'not promised here (below)' : told === '' ? `exit code ${walled.code}` : told
  return [mark, attempt.what, bare.code === 0 ? 'works' : `exit code ${bare.code}`, paint.dim(short(inWords))]
}

export function showReceipt(file: string, expect: Expect): void {
  const receipt = JSON.parse(readFileSync(file, 'utf8')) as Receipt
  rows(
    receipt.enforcements.map(({ control, enforced, mechanism, layers }) => [
      enforced ? marks.good : marks.bad,
      control,
      short(withoutHash(mechanism), 60),
      paint.dim(short(withoutHash(layers.join(', ')), 34)),
    ]),
  )
  say(
    paint.dim(
      `glovebox-inside ${receipt.inside}, landlock abi ${receipt.landlockAbi}, seccomp filter sha256:${receipt.seccomp.slice(0, 12)}…`,
    ),
  )
  for (const { control, enforced } of receipt.enforcements) expect(enforced, `${control} is not enforced`)
}

export async function showCost(
  bare: readonly string[],
  walled: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const seen = await compare(bare, walled, env)
  const line = (what: string, key: 'startMs' | 'callMs', digits: number): string[] => {
    const [without, with_] = [seen.bare[key], seen.walled[key]]
    const more = paint.dim(`+${(with_ - without).toFixed(digits)} ms`)
    return [what, `${without.toFixed(digits)} ms`, `${with_.toFixed(digits)} ms`, more]
  }
  rows([
    ['', paint.bold('bare'), paint.bold('Glovebox'), ''],
    line('from start to the answer to initialize', 'startMs', 0),
    line('a tool call', 'callMs', 2),
  ])
  say(paint.dim('medians, taken in turns'))
}

/** The filter's hash is told once, below the table. */
function withoutHash(text: string): string {
  return text.replaceAll(/ filter [0-9a-f]{12}\b/g, '')
}

function withoutPaths(text: string, scene: Scene): string {
  return text.replaceAll(scene.directory, '…')
}

function wrapped(names: readonly string[]): string {
  const lines = ['']
  for (const name of names) {
    const last = lines.at(-1) ?? ''
    if (last.length + name.length > 90) lines.push(name)
    else lines[lines.length - 1] = last === '' ? name : `${last}, ${name}`
  }
  return lines.join(',\n')
}
