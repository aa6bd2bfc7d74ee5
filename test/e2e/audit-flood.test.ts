import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { runners } from '../support/as-user.ts'
import { household } from '../support/launching.ts'

const attempts = 6000

/** To more places than the supervisor knows at a time, so that no two attempts are told as one. */
const script = `
  const socket = require('node:dgram').createSocket('udp4')
  let left = ${attempts}
  const next = () => (left-- === 0 ? socket.close() : socket.send('x', 1 + (left % 500), '203.0.113.7', next))
  next()
`

interface Event {
  readonly message: string
  readonly metadata: { readonly event_code: string }
  readonly dst_endpoint?: { readonly ip?: string }
  readonly count?: number
  readonly unmapped: { readonly over_budget?: number }
}

for (const runner of runners()) {
  test(`a program that tries one place after the other does not fill the disk with its record, and each is counted (${runner.name})`, (t) => {
    const house = household(t, runner, { GLOVEBOX_AUDIT_RATE: '30b' })
    house.ok('exec', '--name', 'noisy', '--', runner.node, '-e', script)
    const directory = path.join(house.home, 'state/audit')
    const files = readdirSync(directory).filter((name) => name.endsWith('.jsonl'))
    const text = files.map((name) => readFileSync(path.join(directory, name), 'utf8')).join('')
    // Four hours' worth, and what is not bounded: its start, its receipt and its end.
    assert.ok(text.length < 30 * 4 * 3600 + 20_000, `${text.length} bytes`)
    const events = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Event)
    const seen = events.filter(({ dst_endpoint: end }) => end?.ip === '203.0.113.7')
    assert.ok(seen.length > 100, `${seen.length} events`)
    const times = seen.reduce((sum, { count = 1 }) => sum + count, 0)
    const leftOut = events.reduce((sum, { unmapped }) => sum + (unmapped.over_budget ?? 0), 0)
    // Of what else a program does some may be left out, too.
    assert.ok(times + leftOut >= attempts && times + leftOut < attempts + 100, `${times} and ${leftOut}`)
    const { stdout } = house.verb('audit', 'query', '--server', 'noisy', '-n', '1')
    assert.match(stdout, /\(\d+ more before it\) /)
    house.ok('audit', 'verify')
  })

  test(`what a sandbox is learned from is all of it (${runner.name})`, (t) => {
    const house = household(t, runner, { GLOVEBOX_AUDIT_RATE: '1b' })
    const ask = 'for i in $(seq 100); do /bin/true $i; done; cat /etc/machine-id'
    house.verb('policy', 'learn', '--rounds', '1', '--', 'sh', '-c', ask)
    const { stdout } = house.verb('audit', 'query', '--kind', 'open', '-n', '0')
    assert.match(stdout, /\/etc\/machine-id/)
    assert.doesNotMatch(stdout, /more before it/)
  })

  test(`a rate that is none keeps a start from beginning, and is named (${runner.name})`, (t) => {
    const house = household(t, runner, { GLOVEBOX_AUDIT_RATE: 'fast' })
    const { status, stderr } = house.verb('exec', '--', 'true')
    assert.equal(status, 2)
    assert.match(stderr, /GLOVEBOX_AUDIT_RATE: "fast" is not a size/)
  })
}
