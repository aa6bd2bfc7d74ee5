import pc from 'picocolors'
import { table } from '../src/ui/table.ts'
import type { Figure } from './case.ts'

/** A figure as a few aligned lines: each way, with its ratio to the first. */
export function reportOf({ name, unit, ways, target }: Figure): string {
  const base = ways[0]?.summary.median ?? Number.NaN
  const lines = ways.map(({ name: way, summary }, index) => [
    `  ${way}`,
    amount(summary.median, unit),
    pc.dim(`p95 ${amount(summary.p95, unit)}`),
    pc.dim(index === 0 ? '' : `×${(summary.median / base).toFixed(2)}`),
    pc.dim(index === 0 ? '' : `${summary.median >= base ? '+' : '−'}${amount(Math.abs(summary.median - base), unit)}`),
  ])
  const met = target === undefined ? '' : `  ${target.met ? pc.green('✓') : pc.red('✗')} ${target.words}\n`
  return `\n${pc.bold(name)} ${pc.dim(`(${ways[0]?.summary.runs} runs, medians)`)}\n${table(lines)}\n${met}`
}

function amount(value: number, unit: Figure['unit']): string {
  if (unit === 'per second') return `${Math.round(value).toLocaleString('en')}/s`
  if (unit === 'MB') return `${value.toFixed(1)} MB`
  return `${value.toFixed(value < 10 ? 3 : 1)} ms`
}
