import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { GloveboxError } from '../../../errors.ts'
import { openApi, refused, type ApiPatience } from './api.ts'

const never = new Promise<GloveboxError>(() => undefined)
const patience: ApiPatience = { listenMs: 10_000, answerMs: 10_000 }
const call = { method: 'PUT', path: '/actions', body: { action_type: 'InstanceStart' } } as const

function socketIn(context: TestContext): string {
  const base = mkdtempSync(join(tmpdir(), 'glovebox-api-'))
  context.after(() => rmSync(base, { recursive: true }))
  return join(base, 'api')
}

async function serve(context: TestContext, path: string, answer: RequestListener): Promise<void> {
  const server = createServer(answer)
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
}

test('calls are made one after the other, with their length told, as Firecracker reads nothing else', async (context) => {
  const path = socketIn(context)
  const heard: string[] = []
  await serve(context, path, (request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.once('end', () => {
      heard.push(`${request.method} ${request.url} ${request.headers['content-length']} ${body}`)
      response.writeHead(204).end()
    })
  })
  const pause = { method: 'PATCH', path: '/vm', body: { state: 'Paused' } } as const
  await openApi(path, never, patience).send([pause, call])
  assert.deepEqual(heard, ['PATCH /vm 18 {"state":"Paused"}', 'PUT /actions 31 {"action_type":"InstanceStart"}'])
})

test('a Firecracker that does not listen yet is waited for', async (context) => {
  const path = socketIn(context)
  const sent = openApi(path, never, patience).send([call])
  await serve(context, path, (_, response) => void response.writeHead(204).end())
  await sent
})

test('nothing is sent behind a call that is refused, and its words are told', async (context) => {
  const path = socketIn(context)
  let asked = 0
  await serve(context, path, (_, response) => {
    asked++
    response.writeHead(400).end('{"fault_message":"The kernel file cannot be opened:\\u001b[2J no"}')
  })
  await assert.rejects(openApi(path, never, patience).send([call, call]), {
    code: 'NOT_STARTED',
    message: 'Firecracker: PUT /actions: The kernel file cannot be opened:\\u{1b}[2J no',
  })
  assert.equal(asked, 1)
})

test('one that never listens, never answers, or answers without end, is given up', async (context) => {
  const path = socketIn(context)
  const short = { listenMs: 1, answerMs: 50 }
  await assert.rejects(openApi(path, never, short).send([call]), { code: 'NOT_STARTED', message: /ENOENT/ })
  await serve(context, path, (request, response) => {
    if (request.method === 'PUT') return
    response.writeHead(400)
    response.write(Buffer.alloc(100 * 1024, 'x'))
  })
  await assert.rejects(openApi(path, never, short).send([call]), { message: /no answer within 50 ms/ })
  const endless = { ...call, method: 'PATCH' } as const
  await assert.rejects(openApi(path, never, patience).send([endless]), { message: /an answer without end/ })
})

test('a Firecracker that has ended is asked no more, and its end is the reason', async (context) => {
  const path = socketIn(context)
  const gone = Promise.resolve(new GloveboxError('NOT_STARTED', 'the virtual machine ended: it crashed'))
  await assert.rejects(openApi(path, gone, patience).send([call]), { message: /it crashed/ })
  const heard: (string | undefined)[] = []
  await serve(context, path, (request, response) => {
    heard.push(request.url)
    response.writeHead(204).end()
  })
  // Each takes as long as the other one's next try would.
  const again = { method: 'PUT', path: '/again', body: {} } as const
  await openApi(path, never, patience).send(Array.from({ length: 50 }, () => again))
  assert.deepEqual(new Set(heard), new Set(['/again']))
})

test('what went wrong is told apart, with what to do about it', () => {
  const fix = (path: string, fault: string): string | undefined =>
    refused({ method: 'PUT', path }, 400, JSON.stringify({ fault_message: fault })).fix
  assert.match(fix('/snapshot/create', 'write: No space left on device (os error 28)') ?? '', /disk is full/)
  assert.match(fix('/snapshot/load', 'CRC64 validation failed') ?? '', /template purge/)
  assert.match(fix('/snapshot/load', 'write: No space left on device (os error 28)') ?? '', /disk is full/)
  assert.match(fix('/actions', 'Error creating KVM object: Permission denied') ?? '', /--vmm qemu/)
  assert.match(fix('/vsock', 'Error with memfd: cannot create a memfd') ?? '', /doctor --fix/)
  assert.equal(fix('/actions', 'something else'), undefined)
  assert.match(refused({ method: 'PUT', path: '/vsock' }, 500, 'no JSON').message, /PUT \/vsock: status 500/)
})
