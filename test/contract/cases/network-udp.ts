import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { test } from 'node:test'
import type { NetworkWords } from '../../../src/policy/network/words.ts'
import { noNetwork } from '../../../src/policy/network/words.ts'
import { startResolver } from '../../support/world/resolver.ts'
import type { Contract, Ran } from '../context.ts'

const name = 'clock.test'

/** A server of datagrams on the loopback that says everything back, and knows what it got from how many. */
interface Echo extends AsyncDisposable {
  readonly port: number
  readonly got: string[]
  readonly senders: ReadonlySet<string>
}

async function echo(address: string, port: number = 0): Promise<Echo> {
  const socket: Socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 4 << 20 })
  const got: string[] = []
  const senders = new Set<string>()
  socket.on('message', (bytes, from) => {
    got.push(bytes.toString())
    senders.add(`${from.address} ${from.port}`)
    socket.send(bytes, from.port, from.address)
  })
  await new Promise<void>((resolve) => socket.bind(port, address, resolve))
  return {
    port: socket.address().port,
    got,
    senders,
    [Symbol.asyncDispose]: async () => new Promise<void>((resolve) => void socket.close(resolve)),
  }
}

/** Programs that know nothing of a sandbox, sending to a server that they are allowed to send to. */
export function datagramCases({ plan, run }: Contract): void {
  const withServer = (
    title: string,
    body: (box: {
      server: Echo
      said: (script: string, words?: Partial<NetworkWords>) => Promise<string>
    }) => Promise<void>,
  ): void =>
    void test(title, async () => {
      await using server = await echo('127.0.0.1')
      await using resolver = await startResolver({
        zone: { [name]: { a: ['127.0.0.1'] }, 'six.test': { aaaa: ['::1'] } },
      })
      const network = {
        ...noNetwork,
        allow: [`${name}:${server.port}/udp`, `six.test:${server.port}/udp`],
        private: ['127.0.0.0/8', '::1/128'],
        resolvers: [`127.0.0.1:${resolver.port}`],
      }
      await body({
        server,
        said: async (script, words) =>
          output(
            await run(plan([process.execPath, '-e', `${helpers}${script}`], { network: { ...network, ...words } })),
          ),
      })
    })

  withServer('datagrams go and come by both versions of the protocol, in every size', async ({ server, said }) => {
    await using six = await echo('::1', server.port)
    const script = `(async () => {
      for (const [type, host] of [['udp4', '${name}'], ['udp6', '${name}'], ['udp6', 'six.test'], ['udp4', 'six.test']])
        for (const size of [0, 1, 1400, 9000, 60000]) {
          const back = await ask(type, host, ${server.port}, Buffer.alloc(size, 7))
          if (back.length !== size || back.some((b) => b !== 7)) console.log(type, host, size, back.length)
        }
      console.log('done') })()`
    assert.equal(await said(script), 'done\n')
    // On a slow machine a program may have asked again.
    for (const { got } of [server, six]) assert.deepEqual(sizesOf(got), [0, 1, 1400, 9000, 60000])
  })

  withServer('the last datagram of a program that ends at once arrives', async ({ server, said }) => {
    const script = `const s = require('dgram').createSocket('udp4');
      require('dns').lookup('${name}', 4, (_, at) => s.send('the last', ${server.port}, at, () => process.exit(0)))`
    assert.equal(await said(script), '')
    assert.deepEqual(server.got, ['the last'])
  })

  withServer('of more conversations than there may be the silent make room for those that begin', async (box) => {
    const script = `(async () => { let told = 0
      for (let i = 0; i < 20; i++) told += (await ask('udp4', '${name}', ${box.server.port}, Buffer.from('n' + i))).length > 1
      console.log(told) })()`
    assert.equal(await box.said(script, { limits: { connections: 8 } }), '20\n')
    // From more sockets than there may be at once: some were let go. A port that is free again may be had a second time.
    assert.ok(box.server.senders.size > 8)
  })

  withServer('a flood leaves no faster than it may, and what comes after it is answered', async ({ server, said }) => {
    const script = `(async () => { const s = require('dgram').createSocket('udp4'); const begun = Date.now()
      const at = await new Promise((done) => require('dns').lookup('${name}', 4, (_, at) => done(at)))
      await new Promise((done) => s.connect(${server.port}, at, done))
      for (let i = 0; i < 15000; i++) { s.send('flood'); if (i % 200 === 0) await new Promise(setImmediate) }
      await new Promise((done) => s.close(done))
      const back = await ask('udp4', '${name}', ${server.port}, Buffer.from('after'))
      console.log(String(back), Date.now() - begun) })()`
    const [word, ms] = (await said(script)).trim().split(' ')
    assert.equal(word, 'after')
    const most = 2500 + 10_000 * ((Number(ms) + 500) / 1000)
    const flood = server.got.filter((text) => text === 'flood').length
    assert.ok(flood > 0 && flood <= most, `${flood} in ${ms} ms`)
  })

  withServer('where no rule has datagrams none leave', async ({ server, said }) => {
    await using other = await echo('127.0.0.1')
    const script = `(async () => { for (const [host, port] of [['${name}', ${other.port}], ['127.0.0.1', ${server.port}], ['198.18.200.1', ${server.port}]])
      console.log(await Promise.race([ask('udp4', host, port, Buffer.from('out')), new Promise((r) => setTimeout(r, 1500, 'silence'))])) ; process.exit() })()`
    assert.equal(await said(script), 'silence\n'.repeat(3))
    assert.deepEqual([server.got, other.got], [[], []])
  })
}

/** Asks until there is an answer, as programs that use datagrams do. */
const helpers = `const ask = (type, host, port, bytes) => new Promise((done, fail) => {
  const s = require('dgram').createSocket(type)
  require('dns').lookup(host, type === 'udp6' ? 6 : 4, (error, at) => {
    if (error) return fail(error)
    const send = () => s.send(bytes, port, at, () => undefined)
    const again = setInterval(send, 700)
    s.on('error', () => undefined).once('message', (back) => { clearInterval(again); s.close(); done(back) })
    send()
  })
});
`

function sizesOf(got: readonly string[]): number[] {
  return [...new Set(got.map(({ length }) => length))].toSorted((a, b) => a - b)
}

function output({ stdout, stderr, exit }: Ran): string {
  assert.equal(exit.code, 0, `${stderr.toString()}\n${stdout.toString()}`)
  return stdout.toString()
}
