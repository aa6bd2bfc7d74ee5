import type { Span } from './ansi.ts'

const cell = { width: 8.4, height: 19, size: 14 }
const margin = { x: 22, top: 46, bottom: 20 }
const paper = '#14171f'
const ink = '#d7dce6'
const faint = '#8490a6'
/** Dark red to white, then the bright ones; chosen to be told apart on the dark paper. */
const palette: readonly string[] =
  '#3b4252 #f07178 #8fd17f #ffcb6b #82aaff #c792ea #7fd6e8 #d7dce6 #677086 #ff8b92 #a6e39a #ffd88a #9dbcff #d7a9f2 #9be3f2 #ffffff'.split(
    ' ',
  )

/** A terminal's lines as a picture: text stays text, so that it can be read aloud, searched and copied. */
export function svgOf(lines: readonly (readonly Span[])[], title: string): string {
  const columns = Math.max(...lines.map((spans) => spans.reduce((sum, { text }) => sum + Array.from(text).length, 0)))
  const width = Math.ceil(margin.x * 2 + columns * cell.width)
  const height = margin.top + lines.length * cell.height + margin.bottom
  const dots = [palette[1], palette[3], palette[2]].map(
    (fill, i) => `<circle cx="${margin.x + i * 20}" cy="22" r="6" fill="${fill}"/>`,
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="10" fill="${paper}"/>`,
    ...dots,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${cell.size}" fill="${ink}" xml:space="preserve">`,
    ...lines.flatMap((spans, row) => lineOf(spans, margin.top + (row + 1) * cell.height)),
    '</g>',
    '</svg>',
    '',
  ].join('\n')
}

/** Each span says where it begins and how wide it is, so that columns stand under each other in any monospaced font. */
function lineOf(spans: readonly Span[], y: number): string[] {
  const placed: string[] = []
  let column = 0
  for (const span of spans) {
    const length = Array.from(span.text).length
    if (span.text.trim() !== '') placed.push(tspan(span, margin.x + column * cell.width, length * cell.width))
    column += length
  }
  return placed.length === 0 ? [] : [`<text y="${y}">${placed.join('')}</text>`]
}

function tspan({ text, bold, dim, color }: Span, x: number, width: number): string {
  const fill = color === undefined ? (dim ? faint : undefined) : palette[color]
  const attributes = [
    `x="${x.toFixed(1)}" textLength="${width.toFixed(1)}"`,
    ...(fill === undefined ? [] : [`fill="${fill}"`]),
    ...(bold ? ['font-weight="bold"'] : []),
  ]
  return `<tspan ${attributes.join(' ')}>${escaped(text)}</tspan>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
