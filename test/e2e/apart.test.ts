import assert from 'node:assert/strict'
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { runners, type Runner } from '../support/as-user.ts'
import { eventually } from '../support/eventually.ts'
import { connect, glovebox } from '../support/mcp-client.ts'

interface Place {
  readonly runner: Runner
  readonly home: string
  /** The command line of `glovebox run` for the server of this test. */
  readonly run: [string, ...string[]]
  /** Sandboxes that this home knows as running. */
  running(): { readonly id: string; readonly spare: boolean }[]
  /** Facts of the record by its chains, one for each sandbox. */
  chains(): Map<string, { readonly tool: string | undefined }[]>
}

/** A configuration of one server, in a home of its own. */
function place(t: TestContext, runner: Runner, sandbox: object, ...args: string[]): Place {
  const home = mkdtempSync('/tmp/glovebox-apart-')
  t.after(() => rmSync(home, { recursive: true, force: true }))
  const file = path.join(home, 'servers.json')
  const server = path.join(runner.root, 'test/fixtures/apart-server.mjs')
  const apart = { command: runner.node, args: [server, ...args], sandbox }
  writeFileSync(file, JSON.stringify({ mcpServers: { apart } }))
  mkdirSync(path.join(home, 'own'), { mode: 0o700 })
  for (const each of [home, file, path.join(home, 'own')]) chownSync(each, runner.uid, runner.gid)
  const own = path.join(home, 'own')
  const at = { ...runner, env: { ...runner.env, GLOVEBOX_HOME: own } }
  const words = ['run', '--config', file, 'apart']
  return {
    runner: at,
    home: own,
    run: glovebox(runner, words),
    running() {
      const [program, ...rest] = glovebox(runner, ['status', '--json'])
      const { status, stdout, stderr } = runner.spawnSync('env', [`GLOVEBOX_HOME=${own}`, program, ...rest])
      assert.equal(status, 0, stderr)
      return (JSON.parse(stdout) as { sandboxes: { id: string; spare: boolean }[] }).sandboxes
    },
    chains() {
      const directory = path.join(own, 'state/audit')
      const found = new Map<string, { tool: string | undefined }[]>()
      for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
        if (!name.endsWith('.jsonl')) continue
        const lines = readFileSync(path.join(directory, name), 'utf8').trim().split('\n')
        const tools = lines.flatMap(
          (line) => /"operation":"tools\/call".*"resources":\[\{"name":"(\w+)"/.exec(line)?.[1] ?? [],
        )
        found.set(
          name,
          tools.map((tool) => ({ tool })),
        )
      }
      return found
    },
  }
}

const each = (...tools: string[]): object => ({
  tools: { each: Object.fromEntries(tools.map((tool) => [tool, { lifetime: 'call' }])) },
})

for (const runner of runners()) {
  const as = ` (${runner.name})`

  test(`EPHEMERAL: under run, with lifetime "call" each call has a fresh sandbox, and what is no call has one for all${as}`, async (t) => {
    const here = place(t, runner, { lifetime: 'call' })
    const { client, close, stderr } = await connect(here.runner, here.run)
    t.after(close)
    assert.equal((await client.listTools()).tools.length, 9)
    const counted = await Promise.all([1, 2, 3].map(async () => textOf(await client.callTool({ name: 'count' }))))
    assert.deepEqual(counted, ['1', '1', '1'])
    assert.equal(here.running().length, 1, 'the answer came when its sandbox had gone')
    await close()
    assert.equal(stderr().match(/a server is up/g)?.length, 4)
    assert.deepEqual(here.running(), [])
    const calls = [...here.chains().values()].map((facts) => facts.map(({ tool }) => tool).join())
    assert.deepEqual(calls.toSorted(), ['count', 'count', 'count', 'count,count,count'])
  })

  test(`TOOL-ISO: under run, a listed tool has a fresh sandbox with its own limits, the others share one${as}`, async (t) => {
    const here = place(t, runner, {
      limits: { time: '60s' },
      tools: { each: { log: {}, never: { limits: { time: '1s' } }, die: {} } },
    })
    const { client, close } = await connect(here.runner, here.run)
    t.after(close)
    assert.deepEqual([await textIn(client, 'count'), await textIn(client, 'count')], ['1', '2'])
    await assert.rejects(client.callTool({ name: 'never' }), /longer than 1 s/)
    await assert.rejects(client.callTool({ name: 'die' }), /exit code 7/)
    assert.equal(await textIn(client, 'count'), '3', 'the shared one lives on')
    await assert.rejects(client.callTool({ name: 'Log' }), /./, 'another spelling does not get it into the shared one')
    await close()
    assert.deepEqual(here.running(), [])
  })

  test(`TOOL-ISO: progress, logging, questions and cancelling go to and from the sandbox of their call${as}`, async (t) => {
    const here = place(t, runner, each('steps', 'log', 'ask', 'roots', 'never', 'task', 'tell'))
    const talk = speak(t, here)
    await talk.initialize({ elicitation: {}, roots: {} })
    await talk.request('logging/setLevel', { level: 'debug' })
    talk.send({ id: 'p', method: 'tools/call', params: { name: 'steps', _meta: { progressToken: 'tok' } } })
    assert.match(text(await talk.answer('p')), /done/)
    const progress = talk.all.filter(({ method }) => method === 'notifications/progress')
    assert.deepEqual(
      progress.map(({ params }) => params),
      [1, 2].map((at) => ({ progressToken: 'tok', progress: at, total: 2 })),
    )
    assert.equal(text(await talk.request('tools/call', { name: 'log' })), 'debug')
    const logged = talk.all.filter(({ method }) => method?.startsWith('notifications/') === true)
    assert.deepEqual(logged.at(-1)?.params, { level: 'info', data: 'level debug' })
    assert.ok(!talk.all.some(({ method }) => method === 'notifications/tools/list_changed'))
    assert.deepEqual(JSON.parse(text(await talk.request('tools/call', { name: 'tell' }))), {
      capabilities: { elicitation: {}, roots: {} },
      meta: false,
    })

    // Two at once, and the server asks with the same id in both.
    for (const id of ['one', 'two']) talk.send({ id, method: 'tools/call', params: { name: 'ask' } })
    const asked = await eventually(() => {
      const found = talk.all.filter(({ method }) => method === 'elicitation/create')
      return found.length === 2 ? found : undefined
    })
    const [first, second] = asked.map(({ id }) => id)
    assert.notEqual(first, second)
    const { progressToken: token } = (asked[1]?.params ?? {})['_meta'] as { progressToken: unknown }
    talk.send({ method: 'notifications/progress', params: { progressToken: token, progress: 1 } })
    talk.send({ id: second, result: { action: 'decline' } })
    talk.send({ id: first, result: { action: 'cancel' } })
    const answers = await Promise.all(['one', 'two'].map(async (id) => text(await talk.answer(id))))
    assert.deepEqual(answers.toSorted(), ['cancel 0', 'decline 1'])

    talk.send({ id: 'long', method: 'tools/call', params: { name: 'never' } })
    await eventually(() => (talk.stderr().includes('never begins') ? true : undefined))
    talk.send({ method: 'notifications/cancelled', params: { requestId: 'long' } })
    await eventually(() => (here.running().length === 1 ? true : undefined))
    await eventually(() => (talk.stderr().includes('cancelled long') ? true : undefined))
    assert.match(JSON.stringify(await talk.request('tools/call', { name: 'task' })), /outlive/)
    const { code } = await talk.end()
    assert.equal(code, 0)
    assert.deepEqual(here.running(), [])
  })

  test(`TOOL-ISO: a server of the stateless era is called in a fresh sandbox without a handshake${as}`, async (t) => {
    const here = place(t, runner, each('count', 'tell'), 'stateless')
    const talk = speak(t, here)
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
    const refused = await talk.request('initialize', { protocolVersion: '2025-11-25', capabilities: {} })
    assert.ok(refused.error)
    assert.ok((await talk.request('server/discover', { _meta: meta })).result)
    const counted = [1, 2].map(async () => text(await talk.request('tools/call', { name: 'count', _meta: meta })))
    assert.deepEqual(await Promise.all(counted), ['1', '1'])
    assert.deepEqual(JSON.parse(text(await talk.request('tools/call', { name: 'tell', _meta: meta }))), { meta: true })
    assert.equal((await talk.end()).code, 0)
  })

  test(`EPHEMERAL: when the client is gone, or we are killed, nothing of a call is left${as}`, async (t) => {
    const here = place(t, runner, each('never'))
    for (const how of ['streams', 'SIGTERM', 'SIGKILL'] as const) {
      const talk = speak(t, here)
      await talk.initialize({})
      talk.send({ id: 1, method: 'tools/call', params: { name: 'never' } })
      const pids = await eventually(() => {
        const found = here.running()
        return found.length === 2 ? found : undefined
      })
      assert.equal(pids.length, 2)
      if (how === 'streams') await talk.leave()
      else await talk.kill(how)
      await eventually(() => (here.running().length === 0 ? true : undefined))
    }
  })

  test(`TOOL-ISO: a sandbox that cannot start fails its call, and no other${as}`, async (t) => {
    const here = place(t, runner, { tools: { each: { log: { limits: { memory: '1M' } } } } })
    const { client, close } = await connect(here.runner, here.run)
    t.after(close)
    await assert.rejects(client.callTool({ name: 'log' }), /sandbox|No answer/)
    assert.equal(await textIn(client, 'count'), '1')
    await close()
  })
}

interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: object
}

interface Talk {
  readonly all: readonly Message[]
  readonly stderr: () => string
  send(message: object): void
  answer(id: unknown): Promise<Message>
  request(method: string, params: object): Promise<Message>
  initialize(capabilities: object): Promise<void>
  /** Asks nothing more. */
  end(): Promise<{ code: number | null }>
  /** As a client that has ended: nothing is asked, and nothing read. */
  leave(): Promise<void>
  kill(signal: NodeJS.Signals): Promise<void>
}

/** The client's side, by hand. */
function speak(t: TestContext, here: Place): Talk {
  const child = here.runner.spawn('env', [`GLOVEBOX_HOME=${here.home}`, ...here.run], { stdio: 'pipe' })
  t.after(() => child.kill('SIGKILL'))
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null }))
  const all: Message[] = []
  let [stderr, count] = ['', 0]
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', (line) => all.push(JSON.parse(line) as Message))
  }
  // What we write when it is gone is told by what it does not answer.
  child.stdin?.on('error', () => undefined)
  const send = (message: object): void => void child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  const answer = async (id: unknown): Promise<Message> =>
    eventually(() => {
      const found = all.find((message) => message.id === id && message.method === undefined)
      assert.ok(found !== undefined || child.exitCode === null, `it ended: ${stderr}`)
      return found
    })
  const request = async (method: string, params: object): Promise<Message> => {
    const id = `r${++count}`
    send({ id, method, params })
    return answer(id)
  }
  return {
    all,
    stderr: () => stderr,
    send,
    answer,
    request,
    async initialize(capabilities) {
      const clientInfo = { name: 'test', version: '1' }
      const { result } = await request('initialize', { protocolVersion: '2025-11-25', capabilities, clientInfo })
      assert.ok(result, stderr)
      send({ method: 'notifications/initialized' })
    },
    async end() {
      child.stdin?.end()
      return ended
    },
    async leave() {
      child.stdin?.end()
      child.stdout?.destroy()
      await ended
    },
    async kill(signal) {
      child.kill(signal)
      await ended
    },
  }
}

function text(message: Message): string {
  const [block] = (message.result?.['content'] ?? []) as { text: string }[]
  assert.ok(block, JSON.stringify(message))
  return block.text
}

function textOf(result: object): string {
  return text({ result: result as Message['result'] & object })
}

async function textIn(client: { callTool(call: { name: string }): Promise<object> }, name: string): Promise<string> {
  return textOf(await client.callTool({ name }))
}
