import type { Style } from '../ui/style.ts'
import { table } from '../ui/table.ts'
import { untrusted } from '../ui/untrusted.ts'
import type { Entry } from './reader.ts'
import type { Row, RowVerdict } from './row.ts'
import { toRow } from './row.ts'

const header = ['time', 'server', 'id', 'event', 'verdict', 'rule', 'what']
/** Narrowest columns, so that rows that follow later stand below those before. */
const narrowest = [19, 8, 19, 10, 8, 20, 0]
/** A long text is for `--json`. */
const whatChars = 160

/** Renders events as rows below one header, which the first call prints. */
export function createRowTable(style: Style): (entries: readonly Entry[]) => string {
  let widths = narrowest
  let isFirst = true
  return (entries) => {
    const rows = entries.map((entry) => cellsOf(toRow(entry)))
    const all = isFirst ? [header, ...rows] : rows
    isFirst = false
    widths = widths.map((width, column) => Math.max(width, ...all.map((cells) => cells[column]?.length ?? 0)))
    return table(all.map((cells) => paint(cells, widths, style, cells === header)))
  }
}

function cellsOf(row: Row): string[] {
  const what = untrusted(row.what)
  return [
    localTime(row.time),
    untrusted(row.server),
    untrusted(row.id),
    untrusted(row.kind),
    row.verdict,
    untrusted(row.rule),
    what.length > whatChars ? `${what.slice(0, whatChars)}…` : what,
  ]
}

function paint(cells: readonly string[], widths: readonly number[], style: Style, isHeader: boolean): string[] {
  return cells.map((cell, column) => {
    const padded = column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)
    if (isHeader) return style.bold(padded)
    if (column === 0) return style.dim(padded)
    return column === 4 ? paintVerdict(padded, cells[4] as RowVerdict, style) : padded
  })
}

function paintVerdict(padded: string, verdict: RowVerdict, style: Style): string {
  if (verdict === 'denied') return style.bad(padded)
  if (verdict === 'failed') return style.warn(padded)
  return verdict === 'allowed' ? style.good(padded) : style.dim(padded)
}

/** `2026-11-21 07:30:05` in the zone of who looks. */
function localTime(time: Date | undefined): string {
  if (time === undefined) return '?'
  const two = (value: number): string => String(value).padStart(2, '0')
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`
}
