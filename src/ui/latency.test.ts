import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { latencySvg } from './latency-svg.ts'
import { quantilesOf } from './quantiles.ts'

test('a quantile is a value that was measured, by its rank', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  assert.deepEqual(quantilesOf(hundred), { p50: 50, p95: 95, p99: 99 })
  assert.deepEqual(quantilesOf([7]), { p50: 7, p95: 7, p99: 7 })
  assert.equal(quantilesOf([]), undefined)
})

test('a picture counts each value once, is well-formed, and has no number that is none', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 300 }),
      fc.string(),
      (valuesMs, title) => {
        const svg = latencySvg({ title, subtitle: '<&>', series: [{ name: 'Launch', valuesMs }] })
        assert.doesNotMatch(svg, /NaN|Infinity|undefined/)
        const counted = [...svg.matchAll(/<title>(\d+):/g)].reduce((sum, [, count]) => sum + Number(count), 0)
        assert.equal(counted, valuesMs.length)
        assert.equal(svg.match(/<g /g)?.length, svg.match(/<\/g>/g)?.length)
        assert.match(svg, /&lt;&amp;&gt;/)
      },
    ),
    { numRuns: 100 },
  )
})

test('what is next to nothing has a scale', () => {
  for (const ms of [0, 5e-324, 1e-310, 1e-7]) {
    const svg = latencySvg({ title: 't', subtitle: 's', series: [{ name: 'Quick', valuesMs: [ms] }] })
    assert.doesNotMatch(svg, /NaN|Infinity/)
  }
})

test('a series without a value is left out', () => {
  const svg = latencySvg({ title: 't', subtitle: 's', series: [{ name: 'Nothing', valuesMs: [] }] })
  assert.doesNotMatch(svg, /Nothing/)
})
