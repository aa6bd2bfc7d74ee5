import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { shareOf, waitingFor } from './progress.ts'

function on(isTTY: boolean) {
  let [text, now] = ['', 0]
  const stream = { isTTY, write: (more: string) => ((text += more), true) } as unknown as NodeJS.WriteStream
  return { share: shareOf('reading', stream, () => now), wait: (ms: number) => void (now += ms), text: () => text }
}

test('work that takes no second says nothing', () => {
  const { share, wait, text } = on(true)
  share(0.5)
  wait(999)
  share(1)
  assert.equal(text(), '')
})

test('longer work says how far it is, each percent once, and leaves nothing behind', () => {
  const { share, wait, text } = on(true)
  wait(1500)
  for (const done of [0.101, 0.102, 0.2, 1]) share(done)
  assert.equal(text(), '\rreading: 10 %\rreading: 20 %\r\u{1b}[K')
})

test('where there is no terminal nothing is said', () => {
  const { share, wait, text } = on(false)
  wait(5000)
  share(0.5)
  assert.equal(text(), '')
})

/** What is written while something is waited for, and the seconds going by. */
function waiting(t: TestContext, isTTY: boolean) {
  t.mock.timers.enable({ apis: ['setInterval', 'Date'] })
  const written: string[] = []
  const stream = { isTTY, write: (more: string) => written.push(more) > 0 } as unknown as NodeJS.WriteStream
  const clear = waitingFor('files is being started', stream)
  const pass = (seconds: number): void => {
    for (let each = 0; each < seconds; each++) t.mock.timers.tick(1000)
  }
  return { written, clear, pass }
}

test('what is waited for is said from the first second on, on one line of a terminal, and nothing of it is left', (t) => {
  const { written, clear, pass } = waiting(t, true)
  t.mock.timers.tick(999)
  assert.deepEqual(written, [])
  t.mock.timers.tick(1)
  pass(1)
  assert.deepEqual(
    written,
    [1, 2].map((seconds) => `\rfiles is being started: ${seconds} s\u{1b}[K`),
  )
  clear()
  pass(5)
  assert.deepEqual(written.slice(2), ['\r\u{1b}[K'])
})

test('elsewhere what is waited for is a line after three seconds, and seldom one after that', (t) => {
  const { written, clear, pass } = waiting(t, false)
  pass(32)
  clear()
  assert.deepEqual(written, ['glovebox: files is being started: 3 s so far\n'])
})
