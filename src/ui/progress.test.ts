import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shareOf } from './progress.ts'

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
