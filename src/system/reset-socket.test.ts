import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import { resetSocket } from './reset-socket.ts'

interface Ends {
  readonly ours: Socket
  readonly theirs: Socket
}

async function connected(context: TestContext): Promise<Ends> {
  // What comes stays in the kernel until somebody reads.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1')
  context.after(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const ours = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [[theirs]] = await Promise.all([accepted, once(ours, 'connect')])
  return { ours, theirs }
}

function openSockets(): number {
  const links = readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      return [readlinkSync(`/proc/self/fd/${name}`)]
    } catch {
      return [] // the directory's own
    }
  })
  return links.filter((link) => link.startsWith('socket:')).length
}

test('a connection that is reset at any moment of its shutdown leaves no descriptor', async (context) => {
  const before = openSockets()
  const turns: readonly ((then: () => void) => void)[] = [
    (then) => then(),
    (then) => process.nextTick(then),
    (then) => queueMicrotask(then),
    (then) => setImmediate(then),
    (then) => setImmediate(() => setImmediate(then)),
  ]
  for (const turn of turns) {
    const { ours, theirs } = await connected(context)
    const errors: unknown[] = []
    ours.on('error', (error) => errors.push(error))
    theirs.on('error', () => undefined).resume()
    ours.end('whole')
    await new Promise<void>((done) => {
      turn(() => {
        resetSocket(ours)
        done()
      })
    })
    if (!ours.closed) await once(ours, 'close')
    assert.deepEqual(errors, [])
    theirs.destroy()
  }
  // What is left are the servers, one for each turn.
  await eventually(() => (openSockets() <= before + turns.length ? true : undefined))
})

test('what was cut in the middle is seen as a reset', async (context) => {
  const { ours, theirs } = await connected(context)
  const failed = once(theirs.resume(), 'error') as unknown as Promise<[NodeJS.ErrnoException]>
  // More than the kernel takes while nobody reads.
  theirs.pause()
  ours.end(Buffer.alloc(64 * 1024 ** 2))
  resetSocket(ours)
  theirs.resume()
  const [error] = await failed.catch((thrown: unknown) => [thrown as NodeJS.ErrnoException] as const)
  assert.equal(error.code, 'ECONNRESET')
})

test('one that has been told of our end gets all that was sent, also what waits in our kernel for room in its own', async (context) => {
  const { ours, theirs } = await connected(context)
  const bytes = 512 * 1024
  ours.end(Buffer.alloc(bytes))
  await once(ours, 'finish')
  resetSocket(ours)
  const parts: Buffer[] = await theirs.toArray()
  assert.equal(Buffer.concat(parts).length, bytes)
})
