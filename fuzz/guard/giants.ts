import assert from 'node:assert/strict'
import { createGuard } from '../../src/guard/guard.ts'

/** Messages as large as they may be, of what is slow to read; each must take time in proportion to its bytes. */
const size = 8 << 20
const maxMs = 4000

export function checkGiants(): void {
  const bodies: Readonly<Record<string, string>> = {
    'opening brackets': '['.repeat(size),
    'opening braces': '{"a":'.repeat(size / 5),
    escapes: `{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":"${'\\"'.repeat(size / 2 - 50)}"}}`,
    'keys that escape': `{"jsonrpc":"2.0","id":1,"method":"x","params":{"${'\\u0061'.repeat(size / 6 - 50)}":1}}`,
    members: `{"jsonrpc":"2.0","id":1,"method":"x","params":{${'"a":1,'.repeat(size / 6 - 50)}"b":1}}`,
    batch: `[${'{},'.repeat(size / 3 - 1)}{}]`,
    blanks: `${' '.repeat(size - 60)}{"jsonrpc":"2.0","id":1,"method":"x"}`,
    'no end': 'x'.repeat(2 * size),
    lines: '{}\n'.repeat(size / 24),
    'broken UTF-8': '\xff'.repeat(size / 2),
  }
  for (const [name, body] of Object.entries(bodies)) {
    const bytes = Buffer.from(`${body}\n`, 'latin1')
    for (const chunk of [bytes.length, 64 << 10, 997]) time(`${name} in chunks of ${chunk}`, bytes, chunk)
  }
  time('a million bytes one by one', Buffer.from(`${'['.repeat(1 << 20)}\n`), 1)
}

function time(what: string, bytes: Buffer, chunk: number): void {
  for (const direction of ['client-to-server', 'server-to-client'] as const) {
    const guard = createGuard({ record: () => undefined })
    // Of this process alone: how busy the machine is says nothing about the guard.
    const start = process.cpuUsage()
    for (let at = 0; at < bytes.length; at += chunk) guard.receive(direction, bytes.subarray(at, at + chunk))
    guard.end(direction)
    const { user, system } = process.cpuUsage(start)
    const took = (user + system) / 1000
    assert.ok(took < maxMs, `${what}, ${direction}: ${took} ms`)
  }
}
