import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { connectToGuest } from './vsock.ts'

/** A Firecracker's socket, and what becomes of a connection's first words. */
async function socket(context: TestContext, answer: (words: string, socket: Socket) => void): Promise<string> {
  const base = mkdtempSync(join(tmpdir(), 'glovebox-vsock-'))
  const visitors = new Set<Socket>()
  const server = createServer((visitor) => {
    visitors.add(visitor)
    visitor.on('error', () => undefined)
    visitor.once('data', (words: Buffer) => answer(words.toString(), visitor))
  })
  context.after(() => {
    server.close()
    for (const visitor of visitors) visitor.destroy()
    rmSync(base, { recursive: true })
  })
  const path = join(base, 'vsock')
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return path
}

test('the port is asked for in one piece, and all behind the answer is the guest’s', async (context) => {
  const path = await socket(context, (words, visitor) => {
    assert.equal(words, 'CONNECT 1024\n')
    visitor.write('OK 1073741824\nfirst words')
  })
  const stream = await connectToGuest(path)
  const [first] = await new Promise<[Buffer]>((resolve) => {
    stream.once('data', (chunk: Buffer) => resolve([chunk]))
    stream.resume()
  })
  assert.equal(first.toString(), 'first words')
  stream.destroy()
})

test('where nobody listens in the guest, or there is no Firecracker, there is no connection', async (context) => {
  const path = await socket(context, (_, visitor) => visitor.end())
  await assert.rejects(connectToGuest(path), { code: 'CHANNEL_LOST', message: /nobody listens there/ })
  await assert.rejects(connectToGuest(`${path}-not-there`), { code: 'CHANNEL_LOST', message: /ENOENT/ })
})

test('an answer that is none ends it', async (context) => {
  for (const words of ['NO\n', 'OK \n', 'x'.repeat(64), `OK ${'1'.repeat(64)}\n`]) {
    const path = await socket(context, (_, visitor) => visitor.write(words))
    await assert.rejects(connectToGuest(path), { code: 'CHANNEL_LOST', message: /an answer that is none/ }, words)
  }
})
