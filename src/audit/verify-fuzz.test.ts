import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { call, withDirectory } from '../../test/support/record.ts'
import { openAudit } from './audit-log.ts'
import type { Head } from './heads.ts'
import { readHeads } from './heads.ts'
import { verifyFile } from './verify.ts'

const sandbox = 'gbx-fuzz'
const events = 12

interface Original {
  readonly bytes: Buffer
  readonly head: Head
  /** Writes these bytes in the file's place and checks them. */
  readonly check: (bytes: Buffer) => string
}

function withOriginal(use: (original: Original) => void): void {
  withDirectory((directory) => {
    const log = openAudit({ directory, sandbox, server: 'files' })
    for (let index = 1; index <= events; index++) log.record(call(index))
    log.close()
    const head = readHeads(directory).get(sandbox)
    assert.ok(head)
    const path = join(directory, `${sandbox}.jsonl`)
    const check = (bytes: Buffer): string => {
      writeFileSync(path, bytes)
      return verifyFile(path, head).state
    }
    use({ bytes: readFileSync(log.path), head, check })
  })
}

test('any single byte that is changed, whichever and however, is found', () => {
  withOriginal(({ bytes, check }) => {
    assert.equal(check(bytes), 'ok')
    for (let offset = 0; offset < bytes.length; offset++) {
      // Another mask at each offset, from a fixed sequence: never 0, so never no change.
      const mask = 1 + ((offset * 167 + 13) % 255)
      const changed = Buffer.from(bytes)
      changed[offset] = (bytes[offset] ?? 0) ^ mask
      assert.equal(check(changed), 'tampered', `byte ${offset} xor ${mask}`)
    }
  })
})

test('any file that is another than was written is found, whatever was done to it', () => {
  withOriginal(({ bytes, check }) => {
    const lines = bytes
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => Buffer.from(`${line}\n`))
    const at = fc.nat({ max: bytes.length - 1 })
    const line = fc.nat({ max: events - 1 })
    const edits = fc.oneof(
      fc.record({ kind: fc.constant('cut'), from: at, to: at }),
      fc.record({ kind: fc.constant('insert'), from: at, text: fc.uint8Array({ minLength: 1, maxLength: 200 }) }),
      fc.record({ kind: fc.constant('repeat'), from: at, to: at }),
      fc.record({ kind: fc.constant('order'), lines: fc.array(line, { maxLength: events + 3 }) }),
    )
    const apply = (edit: { kind: string; from?: number; to?: number; text?: Uint8Array; lines?: number[] }): Buffer => {
      if (edit.lines !== undefined) return Buffer.concat(edit.lines.map((index) => lines[index] ?? Buffer.alloc(0)))
      const from = Math.min(edit.from ?? 0, edit.to ?? Infinity)
      const to = Math.max(edit.from ?? 0, edit.to ?? 0)
      const between =
        edit.kind === 'cut' ? Buffer.alloc(0) : edit.kind === 'insert' ? (edit.text ?? '') : bytes.subarray(from, to)
      return Buffer.concat([
        bytes.subarray(0, from),
        Buffer.from(between),
        bytes.subarray(edit.kind === 'cut' ? to : from),
      ])
    }
    fc.assert(
      fc.property(edits, (edit) => {
        const changed = apply(edit)
        assert.equal(check(changed), changed.equals(bytes) ? 'ok' : 'tampered')
      }),
      { seed: 20261121, numRuns: 3000 },
    )
  })
})
