import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runners } from '../support/as-user.ts'
import { start } from '../support/mcp-client.ts'

/** Each waits for its reset, so that none of them is one too many. */
const program = `
import socket
def attempt(host, port):
    s = socket.socket(); s.settimeout(60)
    try: s.connect((host, port)); s.recv(1)
    except OSError as e: return e.errno
    finally: s.close()
wall = {attempt('192.0.2.1', 443) for _ in range(15000)}
relay = {attempt('198.18.200.1', 443) for _ in range(5000)}
print(wall, relay)`

interface Event {
  readonly metadata: { readonly event_code: string; readonly correlation_uid: string; readonly sequence: number }
  readonly action_id?: number
  readonly count?: number
  readonly start_time?: number
  readonly end_time?: number
  readonly dst_endpoint?: { readonly ip?: string }
}

const [runner] = runners()

test('a program that is refused 20,000 times fills some lines of the record, and none of them is lost', async () => {
  if (runner === undefined) throw new Error('there is always somebody to run it')
  const command = ['/usr/bin/python3', '-c', program]
  const ended = await start(runner, ['exec', '--allow-net', 'api.example', '--time', '300s', '--', ...command]).ended
  assert.equal(ended.code, 0, ended.stderr)
  // ENETUNREACH by the supervisor, ECONNRESET by the relay.
  assert.equal(ended.stdout, '{101} {104}\n')
  const { stdout } = await start(runner, ['audit', 'query', '--json', '--limit', '0']).ended
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Event)
  const denied = events.filter(({ action_id }) => action_id === 2)
  const of = (kind: string, ip: string): Event[] =>
    denied.filter(({ metadata, dst_endpoint }) => metadata.event_code === kind && dst_endpoint?.ip === ip)
  const sum = (some: readonly Event[]): number => some.reduce((all, { count = 1 }) => all + count, 0)
  const [wall, relay] = [of('connect', '192.0.2.1'), of('egress-refuse', '198.18.200.1')]
  assert.deepEqual([sum(wall), sum(relay)], [15_000, 5000])
  // Beside the first of each some lines for all the others: one a second of the wall's, one in ten seconds of the relay's.
  assert.ok(wall.length < 50 + 300, `${wall.length} lines`)
  assert.ok(relay.length < 5 + 40, `${relay.length} lines`)
  assert.ok(events.length < 1000, `${events.length} lines in all`)

  const counted = relay.find(({ count = 1 }) => count > 1)
  assert.ok(counted?.start_time !== undefined && counted.end_time !== undefined)
  assert.ok(counted.start_time <= counted.end_time)
  const { metadata, count } = counted
  const id = `${metadata.correlation_uid}:${metadata.sequence}`
  const explained = await start(runner, ['policy', 'explain', id]).ended
  assert.match(explained.stdout, new RegExp(`wanted to connect to 198\\.18\\.200\\.1:443, ${count} times`))
  const table = await start(runner, ['audit', 'query', '--denied', '--limit', '0']).ended
  assert.match(table.stdout, new RegExp(`\\(${count} times`))
})
