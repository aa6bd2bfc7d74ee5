import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { usualRunners, type Runner } from '../support/as-user.ts'
import { eventually } from '../support/eventually.ts'
import { glovebox } from '../support/mcp-client.ts'

// All of it takes a slow reader longer than anybody is waited for who reads nothing, and no pipe holds as much.
const size = 3_000_000
const bytesEachMs = 700

// A server that has nothing to answer is ended two seconds after its input.
const longerThanTheGrace = 3500

for (const runner of usualRunners()) {
  const as = ` (${runner.name})`
  const large = path.join(runner.root, 'test/fixtures/large-server.mjs')

  test(`a slow client has the whole answer of a server that ends itself${as}`, async () => {
    const talk = speak(runner, ['--', 'node', large, 'once'])
    talk.ask(1, size)
    assert.deepEqual(await readSlowly(talk.child), [0, size])
    assert.deepEqual(await talk.end, [0, ''])
  })

  test(`a slow client that has closed its side has every answer that it asked for${as}`, async () => {
    const talk = speak(runner, ['--', 'node', large])
    for (const id of [1, 2, 3]) talk.ask(id, size / 2)
    talk.child.stdin?.end()
    assert.deepEqual(await readSlowly(talk.child), [0, size / 2, size / 2, size / 2])
    assert.deepEqual(await talk.end, [0, ''])
  })

  for (const lifetime of ['session', 'call'] as const) {
    test(`a client that has closed its side has an answer that takes long (lifetime: ${lifetime})${as}`, async () => {
      const talk = speak(runner, ['--config', configured(runner, lifetime), 'large'])
      talk.ask(1, 5, longerThanTheGrace)
      talk.child.stdin?.end()
      assert.deepEqual(await readSlowly(talk.child), [0, 5])
      assert.deepEqual(await talk.end, [0, ''])
    })

    test(`nobody waits for an answer that nobody would read (lifetime: ${lifetime})${as}`, async () => {
      const talk = speak(runner, ['--config', configured(runner, lifetime), 'large'])
      await once(talk.child.stdout as Readable, 'data')
      talk.ask(1, 5, 3_600_000)
      talk.child.stdin?.end()
      talk.child.stdout?.destroy()
      assert.deepEqual(await talk.end, [0, ''])
    })

    test(`a signal ends us while an answer is waited for (lifetime: ${lifetime})${as}`, async () => {
      const talk = speak(runner, ['--config', configured(runner, lifetime), 'large'])
      await once(talk.child.stdout as Readable, 'data')
      talk.ask(1, 5, 3_600_000)
      talk.child.stdin?.end()
      await eventually(() => (isWatching(talk.child.pid ?? 0) ? true : undefined))
      talk.child.kill('SIGTERM')
      assert.deepEqual(await talk.end, [143, ''])
    })

    test(`a client that reads nothing is waited for no longer than a grace, and what it lacks is said (lifetime: ${lifetime})${as}`, async () => {
      const talk = speak(runner, ['--config', configured(runner, lifetime), 'large'])
      for (const id of [1, 2, 3]) talk.ask(id, size, id * 100)
      talk.child.stdin?.end()
      const from = performance.now()
      const [code, stderr] = await talk.end
      assert.equal(code, 1)
      assert.match(stderr, /read nothing for 2 s: the end of what it was sent did not reach it/)
      // A few graces of two seconds; what is excluded has no end.
      assert.ok(performance.now() - from < 30_000)
    })

    test(`a server that fails at the end of its input gives its exit code (lifetime: ${lifetime})${as}`, async () => {
      const talk = speak(runner, ['--config', configured(runner, lifetime, 'fails'), 'large'])
      talk.child.stdin?.end()
      assert.deepEqual(await readSlowly(talk.child), [0])
      assert.deepEqual(await talk.end, [7, ''])
    })
  }

  test(`a slow client has the answers of many calls in sandboxes of their own${as}`, async () => {
    const talk = speak(runner, ['--config', configured(runner, 'call'), 'large'])
    const ids = Array.from({ length: 12 }, (_, index) => index + 1)
    for (const id of ids) talk.ask(id, size / 6)
    talk.child.stdin?.end()
    const sizes = await readSlowly(talk.child)
    assert.deepEqual(sizes, [0, ...ids.map(() => size / 6)])
    assert.deepEqual(await talk.end, [0, ''])
  })

  test(`a signal ends us while a slow client reads${as}`, async () => {
    const talk = speak(runner, ['--', 'node', large, 'once'])
    talk.ask(1, size)
    const read = readSlowly(talk.child, () => talk.child.kill('SIGTERM')).catch(() => 'cut')
    assert.deepEqual(await talk.end, [143, ''])
    assert.equal(await read, 'cut')
  })
}

function configured(runner: Runner, lifetime: 'session' | 'call', ...words: readonly string[]): string {
  const file = path.join(runner.home, `large-${lifetime}.json`)
  const args = [path.join(runner.root, 'test/fixtures/large-server.mjs'), ...words]
  writeFileSync(file, JSON.stringify({ mcpServers: { large: { command: 'node', args, sandbox: { lifetime } } } }))
  chownSync(file, runner.uid, runner.gid)
  return file
}

/** Whether it has begun to look whether anybody reads. */
function isWatching(pid: number): boolean {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  return children.some((child) => child !== '' && commandOf(child).includes('\0reader\0'))
}

/** Empty for one that is gone. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

interface Talk {
  readonly child: ChildProcess
  /** Asks for so many bytes, to be said after so many ms. */
  ask(id: number, size: number, ms?: number): void
  /** The exit code, and what was said to people. */
  readonly end: Promise<[number | null, string]>
}

/** A client by hand, which reads when it is told to. */
function speak(runner: Runner, words: readonly string[]): Talk {
  const [program, ...rest] = glovebox(runner, ['run', ...words])
  const child = runner.spawn(program, rest, { stdio: 'pipe' })
  const stderr = text(child.stderr as Readable)
  const send = (message: object): void => void child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  const clientInfo = { name: 'slow', version: '1' }
  send({ id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo } })
  return {
    child,
    ask: (id, bytes, ms) => send({ id, method: 'tools/call', params: { name: 'x', arguments: { size: bytes, ms } } }),
    end: once(child, 'exit').then(async ([code]) => [code as number | null, await stderr]),
  }
}

/** Reads to the end, with a pause after each piece. Returns how much text each answer has, and 0 for one without any. */
async function readSlowly({ stdout }: ChildProcess, onHalf?: () => void): Promise<number[]> {
  assert.ok(stdout)
  let all = ''
  for await (const piece of stdout.setEncoding('utf8') as AsyncIterable<string>) {
    if (all.length < size / 2 && all.length + piece.length >= size / 2) onHalf?.()
    all += piece
    await new Promise((resolve) => setTimeout(resolve, piece.length / bytesEachMs))
  }
  const answers = all
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { result: { content?: { text: string }[] } })
  return answers.map(({ result }) => result.content?.[0]?.text.length ?? 0)
}
