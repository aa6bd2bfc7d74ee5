import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { openInside, type Inside } from '../../../src/inside/client.ts'
import { statInside } from '../../../src/inside/files.ts'
import { startProgram } from '../../../src/inside/program.ts'
import { filesCalls } from '../../../src/protocol/inside/v1.ts'
import { connectUnix } from '../../../src/system/connect-unix.ts'
import { runners, type Runner } from '../../support/as-user.ts'
import { running } from '../../support/running.ts'

/** Our client against the inside of a sandbox that really runs. */
async function insideOf(t: TestContext, runner: Runner): Promise<Inside> {
  const box = await running(t, runner)
  const { stdout } = await box.verb('status', '--json').ended
  const { sandboxes } = JSON.parse(stdout) as { sandboxes: { name: string; id: string }[] }
  const id = sandboxes.find(({ name }) => name === box.name)?.id
  const [socket] = globSync(
    path.join(runner.env['XDG_RUNTIME_DIR'] ?? '', 'glovebox/sandboxes-*', `${id}.*`, 'channel'),
  )
  assert.ok(socket)
  const inside = await openInside(await connectUnix(socket))
  t.after(() => inside.close())
  return inside
}

const words = (...argv: string[]) => ({
  argv: argv.map((word) => Buffer.from(word)),
  environment: [],
  environmentOnly: false,
  directory: undefined,
  terminal: undefined,
})

const zeros = {
  file: { root: undefined, path: Buffer.from('tmp/zeros'), noFollow: false },
  offset: 0,
  length: undefined,
}

for (const runner of runners()) {
  test(`a thousand calls at once come to their ends (${runner.name})`, async (t) => {
    const { connection } = await insideOf(t, runner)
    const calls = Array.from({ length: 1000 }, async (_, index) =>
      statInside(connection, index % 2 === 0 ? '/tmp' : '/none', { follow: true }),
    )
    const kinds = (await Promise.all(calls)).map((info) => info?.kind)
    assert.deepEqual(
      kinds,
      Array.from({ length: 1000 }, (_, index) => (index % 2 === 0 ? 'directory' : undefined)),
    )
  })

  test(`streams that nobody reads hold up no other (${runner.name})`, async (t) => {
    const { connection, hello } = await insideOf(t, runner)
    assert.ok(hello.services.includes('glovebox.inside.v1.Exec'))
    const made = await startProgram(connection, words('truncate', '-s', '64M', '/tmp/zeros'), () => undefined)
    await made.ended
    const stalled = Array.from({ length: 50 }, () => {
      const stream = connection.open(filesCalls.read)
      stream.sendLast(zeros)
      return stream
    })
    await Promise.all(stalled.map(async (stream) => stream.answered))
    for (let round = 0; round < 50; round++)
      assert.equal((await statInside(connection, '/tmp', { follow: true }))?.kind, 'directory')
    const reading = connection.open(filesCalls.read)
    reading.sendLast(zeros)
    let bytes = 0
    for await (const { data } of reading.messages) bytes += data.length
    assert.equal(bytes, 64 * 1024 ** 2)
    // A stalled one is only late.
    let late = 0
    for await (const { data } of stalled[0]?.messages ?? []) late += data.length
    assert.equal(late, bytes)
    for (const stream of stalled) stream.cancel()
  })

  test(`a hundred programs at once, each with its own output and end (${runner.name})`, async (t) => {
    const { connection } = await insideOf(t, runner)
    const ends = await Promise.all(
      // Fewer than the 128 processes of the sandbox at a time.
      Array.from({ length: 4 }, async (_, lane) => {
        const codes: string[] = []
        for (let index = 0; index < 25; index++) {
          let output = ''
          const program = await startProgram(
            connection,
            words('sh', '-c', `echo ${lane}-${index}; exit ${index}`),
            (_stream, bytes) => {
              output += Buffer.from(bytes).toString()
            },
          )
          const { how } = await program.ended
          codes.push(`${output.trim()}=${how?.value}`)
        }
        return codes
      }),
    )
    assert.deepEqual(
      ends,
      Array.from({ length: 4 }, (_, lane) => Array.from({ length: 25 }, (__, index) => `${lane}-${index}=${index}`)),
    )
  })
}
