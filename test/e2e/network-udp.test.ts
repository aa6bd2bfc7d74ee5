import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { test, type TestContext } from 'node:test'
import { runners, type Runner } from '../support/as-user.ts'
import { start } from '../support/mcp-client.ts'
import { startResolver } from '../support/world/resolver.ts'

interface Server {
  readonly port: number
  /** What it was sent, and how many sockets sent it. */
  readonly got: string[]
  readonly senders: Set<string>
}

/** Answers each datagram with what it said, in capitals, and counts who is there. */
async function server(t: TestContext, address: '127.0.0.1' | '::1', port: number = 0): Promise<Server> {
  const got: string[] = []
  const senders = new Set<string>()
  const socket: Socket = createSocket(address === '::1' ? 'udp6' : 'udp4')
  socket.on('message', (bytes, from) => {
    got.push(bytes.toString('latin1'))
    senders.add(`${from.address} ${from.port}`)
    socket.send(Buffer.from(bytes.toString('latin1').toUpperCase(), 'latin1'), from.port, from.address)
  })
  await new Promise<void>((resolve) => socket.bind(port, address, resolve))
  t.after(() => socket.close())
  return { port: socket.address().port, got, senders }
}

const python = (script: string): string[] => ['/usr/bin/python3', '-c', `import socket,sys\n${script}`]

async function run(runner: Runner, flags: readonly string[], command: readonly string[]) {
  const ended = await start(runner, ['exec', ...flags, '--', ...command]).ended
  assert.equal(ended.code, 0, ended.stderr)
  return ended.stdout
}

interface Event {
  readonly message: string
  readonly connection_info?: { readonly protocol_num?: number; readonly uid?: string }
  readonly traffic?: Record<string, number>
  readonly metadata: { readonly event_code: string }
  readonly firewall_rule?: { readonly name: string }
}

async function recorded(runner: Runner): Promise<Event[]> {
  const { stdout } = await start(runner, ['audit', 'query', '--json', '--limit', '0']).ended
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Event)
  return events.filter(({ metadata }) => metadata.event_code.startsWith('egress-'))
}

for (const runner of runners()) {
  // The example of docs/network.md, "Datagrams": a rule with /udp, and an answer through it.
  test(`datagrams go to an allowed name and back, by every call, and nowhere else (${runner.name})`, async (t) => {
    const four = await server(t, '127.0.0.1')
    const six = await server(t, '::1', four.port)
    const other = await server(t, '127.0.0.1')
    await using resolver = await startResolver({
      zone: { 'time.test': { a: ['127.0.0.1'] }, 'six.test': { aaaa: ['::1'] }, 'web.test': { a: ['127.0.0.1'] } },
    })
    const script = `
port,other=int(sys.argv[1]),int(sys.argv[2])
def talk(family,name,connected,say,to=None):
    address=socket.getaddrinfo(name,port,family,socket.SOCK_DGRAM)[0][4]
    s=socket.socket(family,socket.SOCK_DGRAM); s.settimeout(20)
    if connected: s.connect(address); s.send(say)
    else: s.sendto(say,address)
    answer,who=s.recvfrom(70000)
    print(answer[:20].decode('latin1'),len(answer),who[:2]==address[:2])
talk(socket.AF_INET,'time.test',False,b'four')
talk(socket.AF_INET,'time.test',True,b'four connected')
talk(socket.AF_INET6,'time.test',False,b'four by six')
talk(socket.AF_INET6,'six.test',True,b'six connected')
talk(socket.AF_INET,'six.test',False,b'six by four')
talk(socket.AF_INET,'time.test',False,b'x'*65000)
talk(socket.AF_INET,'time.test',True,b'')
def lost(family,name,port,say):
    s=socket.socket(family,socket.SOCK_DGRAM); s.settimeout(1)
    try:
        address=socket.getaddrinfo(name,port,family,socket.SOCK_DGRAM)[0][4]
        s.sendto(say,address)
        print('answer',s.recv(99))
    except OSError as e: print(type(e).__name__)
lost(socket.AF_INET,'time.test',other,b'another port')
lost(socket.AF_INET,'web.test',port,b'only TCP')
lost(socket.AF_INET,'none.test',port,b'no name')
lost(socket.AF_INET,'127.0.0.1',port,b'loopback')
lost(socket.AF_INET,'198.18.200.1',port,b'nobody')
`
    const allow = [`time.test:${four.port}/udp`, `six.test:${four.port}/udp`, `web.test:${four.port}`]
    const flags = [
      ...allow.flatMap((rule) => ['--allow-net', rule]),
      ...['127.0.0.0/8', '::1/128'].flatMap((range) => ['--allow-private', range]),
      '--resolver',
      `127.0.0.1:${resolver.port}`,
    ]
    const lines = (await run(runner, flags, [...python(script), `${four.port}`, `${other.port}`])).trimEnd().split('\n')
    assert.deepEqual(lines, [
      'FOUR 4 True',
      'FOUR CONNECTED 14 True',
      'FOUR BY SIX 11 True',
      'SIX CONNECTED 13 True',
      'SIX BY FOUR 11 True',
      `${'X'.repeat(20)} 65000 True`,
      ' 0 True',
      'TimeoutError',
      'TimeoutError',
      'gaierror',
      'TimeoutError',
      'TimeoutError',
    ])
    assert.deepEqual(other.got, [])
    assert.deepEqual(four.got, ['four', 'four connected', 'four by six', 'x'.repeat(65000), ''])
    assert.deepEqual(six.got, ['six connected', 'six by four'])
    assert.equal(four.senders.size, 5)
    const events = await recorded(runner)
    const ofKind = (kind: string): Event[] => events.filter(({ metadata }) => metadata.event_code === kind)
    assert.equal(ofKind('egress-open').length, 7, JSON.stringify(events))
    assert.ok(
      events.every((event) => event.connection_info?.protocol_num === 17),
      JSON.stringify(events),
    )
    const bytes = ofKind('egress-close').map(({ traffic }) => [traffic?.['bytes_out'], traffic?.['packets_in']])
    assert.deepEqual(bytes.slice(0, 7).map(String).toSorted(), [
      '0,1',
      '11,1',
      '11,1',
      '13,1',
      '14,1',
      '4,1',
      '65000,1',
    ])
    const refused = ofKind('egress-refuse').map(({ message }) => message.replace(/^.*: refused /, ''))
    assert.deepEqual(refused, [
      `time.test:${other.port}/udp`,
      `web.test:${four.port}/udp`,
      `127.0.0.1:${four.port}/udp`,
      `198.18.200.1:${four.port}/udp`,
    ])
  })
}
