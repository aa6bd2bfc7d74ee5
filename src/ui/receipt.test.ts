import assert from 'node:assert/strict'
import { stripVTControlCharacters } from 'node:util'
import { test } from 'node:test'
import type { Receipt } from '../drivers/driver.ts'
import { renderReceipt } from './receipt.ts'
import { styleFor } from './style.ts'

const layers = ['seccomp filter 5af0d0f39f39: TCP, UDP and Unix sockets only', 'supervisor: connections inside only']
const net = { control: 'net', enforced: true, mechanism: 'empty network namespace', layers }
const receipt = {
  inside: '1',
  kernel: '6',
  landlockAbi: 7,
  seccomp: '5af0d0f39f393d40',
  hostUid: 1,
  enforcements: [net],
} as unknown as Receipt

test('a receipt is as narrow as the terminal, with all that it says', () => {
  const lines = (stream: { isTTY?: boolean; columns?: number }): string[] =>
    stripVTControlCharacters(renderReceipt(receipt, styleFor(stream, {}))).split('\n')
  const narrow = lines({ isTTY: true, columns: 60 }).slice(0, -2)
  assert.ok(
    narrow.every((line) => line.length <= 60),
    narrow.join('\n'),
  )
  const words = (text: readonly string[]): string[] => text.join(' ').split(/\s+/).toSorted()
  assert.deepEqual(words(narrow), words(lines({ isTTY: true, columns: 300 }).slice(0, -2)))
  assert.equal(lines({}).length, lines({ isTTY: true, columns: 300 }).length, 'what is no terminal has no width')
})
