import assert from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { eventually } from '../../test/support/eventually.ts'
import { call, notification, request, result } from '../../test/support/conversation.ts'
import { createApartRouter, type ApartRouter, type CallNumber, type Step } from './apart.ts'

const line = (message: object): Buffer => Buffer.from(`${JSON.stringify(message)}\n`)

/** Steps with their bytes read; a batch comes back as one. */
function read(steps: readonly Step[]): object[] {
  return steps.map((step) => {
    if ('open' in step) return step
    const bytes = 'over' in step ? step.answer : step.bytes
    const message = bytes === undefined ? undefined : (JSON.parse(bytes.toString()) as object)
    return 'over' in step ? { over: step.over, message } : { to: step.to, message }
  })
}

interface Bench {
  readonly router: ApartRouter
  readonly client: (message: object) => object[]
  readonly shared: (message: object) => object[]
  readonly call: (number: CallNumber, message: object) => object[]
}

function bench(): Bench {
  const router = createApartRouter((tool) => tool === 'apart')
  return {
    router,
    client: (message) => read(router.fromClient(line(message))),
    shared: (message) => read(router.fromShared(line(message))),
    call: (number, message) => read(router.fromCall(number, line(message))),
  }
}

const initialize = request(0, 'initialize', { protocolVersion: '2025-11-25', capabilities: { elicitation: {} } })

test('a listed tool is called in a sandbox of its own, everything else goes to the shared one', () => {
  const { client } = bench()
  const apart = call(1, 'apart')
  assert.deepEqual(client(apart), [
    { open: 1, tool: 'apart' },
    { to: 1, message: apart },
  ])
  for (const message of [call(2, 'other'), request(3, 'tools/list'), result(9), notification('notifications/x')]) {
    assert.deepEqual(client(message), [{ to: 'shared', message }])
  }
})

test('in a session the fresh server is initialized as the shared one was, with the level of logging, and reads the call then', () => {
  const { client, shared, call: from } = bench()
  client(initialize)
  shared(result(0, { protocolVersion: '2025-11-25' }))
  client(request(1, 'logging/setLevel', { level: 'debug' }))
  const [, first] = client(call(2, 'apart')) as { message: { id: string; params: object } }[]
  assert.deepEqual(first?.message.params, { protocolVersion: '2025-11-25', capabilities: { elicitation: {} } })
  const steps = from(1, result(first?.message.id, { protocolVersion: '2025-11-25' })) as { message: { id?: unknown } }[]
  assert.deepEqual(
    steps.map(({ message }) => message),
    [
      notification('notifications/initialized'),
      { ...request(steps[1]?.message.id, 'logging/setLevel', { level: 'debug' }) },
      call(2, 'apart'),
    ],
  )
  assert.deepEqual(from(1, result(steps[1]?.message.id)), [], 'nobody asked for that answer')
  assert.deepEqual(from(1, result(2, { content: [] })), [{ over: 1, message: result(2, { content: [] }) }])
})

test('a handshake that the shared server refused is not tried with a fresh one', () => {
  const { client, shared } = bench()
  client(initialize)
  shared({ jsonrpc: '2.0', id: 0, error: { code: -32601, message: 'no' } })
  assert.deepEqual(client(call(2, 'apart'))[1], { to: 1, message: call(2, 'apart') })
})

test('what is renamed is otherwise passed on as its server spelled it', () => {
  const { router } = bench()
  router.fromClient(line(call(1, 'apart')))
  const [step] = router.fromCall(
    1,
    Buffer.from('{"jsonrpc":"2.0", "params":{"n":12345678901234567890}, "id":1, "method":"roots/list"}\n'),
  )
  assert.ok(step !== undefined && 'bytes' in step)
  assert.match(
    step.bytes.toString(),
    /^\{"jsonrpc":"2\.0", "params":\{"n":12345678901234567890\}, "id":"glovebox-[^"]+", "method":"roots\/list"\}\n$/,
  )
})

test('requests of two servers with the same id and token reach the client under different ones, and each gets its answer', () => {
  const { client, call: from } = bench()
  client(call(1, 'apart'))
  client(call(2, 'apart'))
  const plain = request(1, 'elicitation/create', { _meta: { progressToken: 1 } })
  const [one, two] = [1, 2].map((number) => {
    const [step] = from(number, plain) as { to: string; message: { id: string; params: { _meta: object } } }[]
    assert.equal(step?.to, 'client')
    return step?.message
  })
  assert.ok(one !== undefined && two !== undefined)
  assert.equal(new Set([1, one.id, two.id]).size, 3)
  assert.deepEqual(one.params._meta, { progressToken: one.id })
  const progress = (progressToken: unknown): object =>
    notification('notifications/progress', { progressToken, progress: 1 })
  assert.deepEqual(client(progress(two.id)), [{ to: 2, message: progress(1) }])
  assert.deepEqual(client(result(two.id, { action: 'accept' })), [{ to: 2, message: result(1, { action: 'accept' }) }])
  assert.deepEqual(from(1, notification('notifications/cancelled', { requestId: 1 })), [
    { to: 'client', message: notification('notifications/cancelled', { requestId: one.id }) },
  ])
  assert.deepEqual(client(result(one.id)), [], 'nobody waits for it')
})

test('a question that was answered has no progress any more, unless it goes on as a task, and none when its call is over', () => {
  const { client, call: from } = bench()
  client(call(1, 'apart'))
  const ask = (id: number): string => {
    const [step] = from(1, request(id, 'ping', { _meta: { progressToken: id } })) as { message: { id: string } }[]
    assert.ok(step !== undefined)
    return step.message.id
  }
  const progress = (progressToken: unknown): object =>
    notification('notifications/progress', { progressToken, progress: 1 })
  for (const [at, answer] of [{}, 'no object', [1], null].entries()) {
    const own = ask(at)
    assert.deepEqual(client(progress(own)), [{ to: 1, message: progress(at) }])
    assert.deepEqual(client({ jsonrpc: '2.0', id: own, result: answer }), [
      { to: 1, message: { jsonrpc: '2.0', id: at, result: answer } },
    ])
    assert.deepEqual(client(progress(own)), [])
  }
  const lasting = ask(5)
  client(result(lasting, { task: { taskId: 'x' } }))
  assert.deepEqual(client(progress(lasting)), [{ to: 1, message: progress(5) }])
  from(1, result(1))
  assert.deepEqual(client(progress(lasting)), [])
})

test('what is kept of the questions of a server is their ids, and not the lines that they stood in', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const { router } = bench()
  router.fromClient(line(call(1, 'apart')))
  const large = Buffer.alloc(1024 * 1024, ' ')
  const before = process.memoryUsage().arrayBuffers
  for (let id = 0; id < 256; id++) {
    const question = line(request(id, 'ping', { _meta: { progressToken: id } }))
    router.fromCall(1, Buffer.concat([question.subarray(0, -2), large, Buffer.from('}\n')]))
  }
  // Memory of buffers is given back by another thread, some time after the collection.
  await eventually(() => {
    collect()
    return process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024 ? true : undefined
  })
  // The router is still there, with all that was asked.
  assert.deepEqual(read(router.lost(1, 'over')).length, 257)
})

test('a call that is cancelled is told to its server, and its sandbox goes without an answer', () => {
  const { client, call: from } = bench()
  client(call('a', 'apart'))
  const [asked] = from(1, request(1, 'roots/list')) as { message: { id: string } }[]
  const cancel = notification('notifications/cancelled', { requestId: 'a' })
  const steps = client(cancel) as { message?: { method?: string; params?: { requestId: unknown } } }[]
  assert.deepEqual(steps[0], { to: 1, message: cancel })
  assert.equal(steps[1]?.message?.params?.requestId, asked?.message.id, 'what it asked is asked no longer')
  assert.deepEqual(steps[2], { over: 1, message: undefined })
  assert.deepEqual(from(1, result('a')), [], 'an answer that crossed it')
  assert.deepEqual(client(cancel), [{ to: 'shared', message: cancel }])
})

test('who waits for a call whose sandbox is lost is told, once', () => {
  const { router, client } = bench()
  client(call(1, 'apart'))
  const [told] = read(router.lost(1, 'it did not start')) as { message: { id: number; error: { message: string } } }[]
  assert.equal(told?.message.id, 1)
  assert.match(told?.message.error.message ?? '', /it did not start/)
  assert.deepEqual(router.lost(1, 'again'), [])
})

test('a task would outlive its sandbox: neither asked for nor offered', () => {
  const { client, call: from } = bench()
  const [told] = client(call(1, 'apart', { task: { ttl: 1 } })) as { to: string; message: { error: object } }[]
  assert.equal(told?.to, 'client')
  assert.ok(told?.message.error)
  client(call(2, 'apart'))
  const [over] = from(1, result(2, { resultType: 'task', taskId: 'x' })) as { message: { error?: object } }[]
  assert.ok(over?.message.error)
})

test('of a batch, calls of listed tools are taken out, and the rest stays a batch', () => {
  const { router } = bench()
  const [other, apart, list] = [call(1, 'other'), call(2, 'apart'), request(3, 'tools/list')]
  assert.deepEqual(read(router.fromClient(line([other, apart, list]))), [
    { to: 'shared', message: [other, list] },
    { open: 1, tool: 'apart' },
    { to: 1, message: apart },
  ])
  assert.deepEqual(read(router.fromCall(1, line([notification('notifications/message'), result(2)]))), [
    { to: 'client', message: notification('notifications/message') },
    { over: 1, message: result(2) },
  ])
})

test('a call that nobody waits for, and lists that belong to a sandbox of one call, reach nobody', () => {
  const { client, call: from } = bench()
  assert.deepEqual(client(notification('tools/call', { name: 'apart' })), [])
  client(call(1, 'apart'))
  assert.deepEqual(from(1, notification('notifications/tools/list_changed')), [])
})

test('whatever a fresh server sends, only its own call is answered, and once', () => {
  const id = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom('1', 'glovebox-x-1'))
  const message = fc.oneof(
    id.map((of) => result(of, {})),
    fc.tuple(id, fc.constantFrom('ping', 'elicitation/create')).map(([of, method]) => request(of, method, {})),
    id.map((requestId) => notification('notifications/cancelled', { requestId })),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 2 }), message)), (sent) => {
      const { client, call: from } = bench()
      client(call(1, 'apart'))
      client(call(2, 'apart'))
      const steps = sent.flatMap(([number, said]) => from(number, said).map((step) => ({ number, step })))
      const overs = steps.flatMap(({ number, step }) => ('over' in step ? [{ number, over: step.over }] : []))
      assert.ok(overs.every(({ number, over }) => number === over))
      assert.equal(new Set(overs.map(({ over }) => over)).size, overs.length)
    }),
  )
})
