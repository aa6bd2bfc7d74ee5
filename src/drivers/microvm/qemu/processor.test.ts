import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openMemo } from '../memo.ts'
import { processorName, steadyTscKhz } from './processor.ts'

const running = (mhz: string, name = 'AMD EPYC'): string =>
  `vendor_id\t: AMD\nmodel name\t: ${name}\ncpu MHz\t\t: ${mhz}\n`

test('the counter keeps one frequency between two boots of the host, however fast its processor runs', async (context) => {
  const cache = mkdtempSync(join(tmpdir(), 'glovebox-processor-'))
  context.after(() => rmSync(cache, { recursive: true }))
  const khz = async (cpuinfo: string, boot: string): Promise<number | undefined> =>
    steadyTscKhz(openMemo({ cache }), cpuinfo, boot)
  assert.equal(await khz(running('2596.122'), 'first\n'), 2_596_122)
  assert.equal(await khz(running('3401.001'), 'first\n'), 2_596_122)
  assert.equal(await khz(running('3401.001'), 'second\n'), 3_401_001)
  assert.equal(await khz(running('1800.000', 'of another kind'), 'second\n'), 1_800_000)
})

test('a frequency in the name of a processor is the one of its counter', async (context) => {
  const cache = mkdtempSync(join(tmpdir(), 'glovebox-processor-'))
  context.after(() => rmSync(cache, { recursive: true }))
  const named = running('812.5', 'Intel(R) Xeon(R) CPU @ 2.20GHz')
  assert.equal(await steadyTscKhz(openMemo({ cache }), named, 'first'), 2_200_000)
  assert.equal(await steadyTscKhz(openMemo({ cache }), 'Features : fp', 'first'), undefined)
})

test('what names a processor does not change with how fast it runs', () => {
  assert.equal(processorName(running('2596.122')), processorName(running('3401.001')))
  assert.notEqual(processorName(running('1', 'one')), processorName(running('1', 'another')))
})
