import { quantilesOf, type Quantiles } from './quantiles.ts'

export interface LatencyPicture {
  readonly title: string
  readonly subtitle: string
  readonly series: readonly { readonly name: string; readonly valuesMs: readonly number[] }[]
}

const width = 760
const panel = { left: 56, right: 44, height: 190, gap: 64 }
const top = 96
/** No clock tells less apart, and what is next to nothing divides into no number. */
const shortestMs = 1e-6

/**
 * The distribution of some latencies as a picture that stands alone: for each series a histogram, with its median, 95th and 99th
 * percentile. Light and dark with whoever looks at it; no script, no font of its own, nothing loaded.
 */
export function latencySvg({ title, subtitle, series }: LatencyPicture): string {
  const shown = series.filter(({ valuesMs }) => valuesMs.length > 0)
  const height = top + shown.length * (panel.height + panel.gap) + 12
  const panels = shown.map(({ name, valuesMs }, index) =>
    histogram(name, valuesMs, top + index * (panel.height + panel.gap), index),
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(`${title}. ${subtitle}`)}">
<style>${style}</style>
<rect class="paper" width="${width}" height="${height}" rx="10"/>
<text class="title" x="${panel.left}" y="36">${escaped(title)}</text>
<text class="note" x="${panel.left}" y="58">${escaped(subtitle)}</text>
${panels.join('\n')}
</svg>
`
}

const style = `
text{font-family:ui-sans-serif,system-ui,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2933}
.paper{fill:#fff}.title{font-size:19px;font-weight:600}.name{font-size:14px;font-weight:600}
.note,.tick{font-size:12px;fill:#616e7c}.tick{font-variant-numeric:tabular-nums}.mark{font-size:11px;font-weight:600}
.grid{stroke:#e4e7eb;stroke-width:1}.axis{stroke:#9aa5b1;stroke-width:1}.line{stroke-width:1.5;stroke-dasharray:4 3}
.a .bar{fill:#3e8e9c}.a .line{stroke:#14505c}.b .bar{fill:#c88a3f}.b .line{stroke:#7a4b12}
@media (prefers-color-scheme:dark){text{fill:#e4e7eb}.paper{fill:#1b2027}.note,.tick{fill:#9aa5b1}.grid{stroke:#323a45}.axis{stroke:#616e7c}
.a .bar{fill:#58b3c3}.a .line{stroke:#a9e0ea}.b .bar{fill:#dba45f}.b .line{stroke:#f2d2a6}}
`.replaceAll('\n', '')

function histogram(name: string, values: readonly number[], y: number, index: number): string {
  const inner = width - panel.left - panel.right
  const end = niceEnd(Math.max(...values))
  const bins = countsOf(values, end, binsFor(values.length))
  const most = Math.max(...bins)
  const x = (ms: number): number => panel.left + (ms / end) * inner
  const base = y + panel.height
  const step = inner / bins.length
  const bars = bins.map((count, at) => {
    if (count === 0) return ''
    const tall = Math.max(2, (count / most) * (panel.height - 34))
    const place = `x="${fixed(panel.left + at * step + 0.75)}" y="${fixed(base - tall)}"`
    return `<rect class="bar" ${place} width="${fixed(Math.max(1, step - 1.5))}" height="${fixed(tall)}" rx="1.5"><title>${count}: ${msOf((at * end) / bins.length)} to ${msOf(((at + 1) * end) / bins.length)}</title></rect>`
  })
  const ticks = Array.from({ length: 6 }, (_, at) => (at * end) / 5).map(
    (ms) =>
      `<line class="grid" x1="${fixed(x(ms))}" y1="${y + 24}" x2="${fixed(x(ms))}" y2="${base}"/><text class="tick" x="${fixed(x(ms))}" y="${base + 18}" text-anchor="middle">${msOf(ms)}</text>`,
  )
  return `<g class="${index % 2 === 0 ? 'a' : 'b'}">
<text class="name" x="${panel.left}" y="${y + 2}">${escaped(name)}</text>
${ticks.join('')}
${bars.join('')}
${marks(quantilesOf(values), { x, y, base })}
<line class="axis" x1="${panel.left}" y1="${base}" x2="${width - panel.right}" y2="${base}"/>
<text class="tick" x="${panel.left - 8}" y="${fixed(base - (panel.height - 34) + 4)}" text-anchor="end">${most}</text>
<text class="tick" x="${panel.left - 8}" y="${base}" text-anchor="end">0</text>
</g>`
}

/** Three lines, each with its label on a level of its own: they may be close together. */
function marks(
  found: Quantiles | undefined,
  { x, y, base }: { x: (ms: number) => number; y: number; base: number },
): string {
  if (found === undefined) return ''
  return (['p50', 'p95', 'p99'] as const)
    .map((name, level) => {
      const [at, label] = [x(found[name]), y + 24 + level * 13]
      const isRight = at > width - panel.right - 110
      return `<line class="line" x1="${fixed(at)}" y1="${label - 9}" x2="${fixed(at)}" y2="${base}"/><text class="mark" x="${fixed(at + (isRight ? -5 : 5))}" y="${label}" text-anchor="${isRight ? 'end' : 'start'}">${name} ${msOf(found[name])}</text>`
    })
    .join('')
}

function countsOf(values: readonly number[], end: number, bins: number): number[] {
  const counts = Array.from({ length: bins }, () => 0)
  for (const value of values) {
    const at = Math.min(bins - 1, Math.floor((value / end) * bins))
    counts[at] = (counts[at] ?? 0) + 1
  }
  return counts
}

/** Enough to see a second hump, few enough to have more than one in most. */
function binsFor(count: number): number {
  return Math.max(12, Math.min(60, Math.round(Math.sqrt(count) * 3)))
}

/** The next of 1, 2, 2.5, 5 and 10 times a power of ten that is not below. */
function niceEnd(value: number): number {
  if (!(value >= shortestMs)) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 1.5, 2, 2.5, 3, 4, 5, 6, 8].find((factor) => factor * power >= value) ?? 10) * power
}

function msOf(ms: number): string {
  if (ms >= 10_000) return `${fixed(ms / 1000)} s`
  return `${ms >= 100 ? Math.round(ms) : fixed(ms)} ms`
}

/** As short as it can be with one decimal. */
function fixed(value: number): string {
  return String(Math.round(value * 10) / 10)
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
