import { paint } from '../tools/paint.ts'
import { table } from '../src/ui/table.ts'
import type { Figure } from './case.ts'

/** A figure as a few aligned lines: each way, with its ratio to the first. */
export function reportOf({ name, unit, ways, target }: Figure): string {
  const base = ways[0]?.summary.median ?? Number.NaN
  const lines = ways.map(({ name: way, summary }, index) => [
    `  ${way}`,
    amount(summary.median, unit),
    paint.dim(`p95 ${amount(summary.p95, unit)}`),
    paint.dim(index === 0 ? '' : `×${(summary.median / base).toFixed(2)}`),
    paint.dim(
      index === 0 ? '' : `${summary.median >= base ? '+' : '−'}${amount(Math.abs(summary.median - base), unit)}`,
    ),
  ])
  const met = target === undefined ? '' : `  ${target.met ? paint.green('✓') : paint.red('✗')} ${target.words}\n`
  return `\n${paint.bold(name)} ${paint.dim(`(${ways[0]?.summary.runs} runs, medians)`)}\n${table(lines)}\n${met}`
}

function amount(value: number, unit: Figure['unit']): string {
  if (unit === 'per second') return `${Math.round(value).toLocaleString('en')}/s`
  if (unit === 'cores') return `${value.toFixed(2)} cores`
  if (unit === 'MB') return `${value.toFixed(1)} MB`
  return `${value.toFixed(value < 10 ? 3 : 1)} ms`
}
