import type { StatsReply } from '../protocol/inside/v1.ts'
import type { StatsRow } from '../runtime/running/stats.ts'
import { sizeOf } from './progress.ts'
import { ageOf } from './running.ts'
import { styleFor } from './style.ts'
import { table } from './table.ts'
import { untrusted } from './untrusted.ts'

interface Options {
  readonly json: boolean
  /** A document a line. */
  readonly oneLine: boolean
  readonly stream: { readonly isTTY?: boolean }
}

/** What sandboxes use. The figures are the inside's own word; a dash is what nothing counts there. */
export function renderStats(rows: readonly StatsRow[], { json, oneLine, stream }: Options): string {
  if (json) {
    const document = { schema: 'glovebox/stats/1', sandboxes: rows.map(asJson) }
    return `${JSON.stringify(document, null, oneLine ? 0 : 2)}\n`
  }
  if (rows.length === 0) return 'no sandbox is running\n'
  const style = styleFor(stream, process.env)
  const heads = ['name', 'id', 'memory', 'of', 'cpu', 'processes', 'of', 'up', 'waiting (cpu, memory, io)'].map(
    style.bold,
  )
  const lines = rows.map(({ sandbox, stats }) => {
    const start = [untrusted(sandbox.server), sandbox.id]
    return stats === undefined ? [...start, style.bad('no answer')] : [...start, ...cells(stats)]
  })
  const silent = rows.flatMap(({ error }) => (error === undefined ? [] : [style.bad(untrusted(error))]))
  const denials = rows.flatMap(({ sandbox, stats }) =>
    (stats?.lastDenials ?? [])
      .slice(-3)
      .map((denial) =>
        style.dim(
          `${untrusted(sandbox.server)}: denied ${untrusted(denial.operation).slice(0, 40)} ${untrusted(text(denial.subject)).slice(0, 200)}`,
        ),
      ),
  )
  return `${[table([heads, ...lines]), ...silent, ...denials].join('\n')}\n`
}

function cells(stats: StatsReply): string[] {
  const share = (pressure: { readonly some10s: number } | undefined): string =>
    pressure === undefined || !Number.isFinite(pressure.some10s) ? '-' : `${pressure.some10s.toFixed(1)} %`
  return [
    orDash(stats.memoryBytes, sizeOf),
    orDash(stats.memoryLimitBytes, sizeOf),
    orDash(stats.cpuMs, (ms) => `${(ms / 1000).toFixed(2)} s`),
    orDash(stats.processes, String),
    orDash(stats.processesLimit, String),
    orDash(stats.uptimeMs, ageOf),
    [stats.cpuPressure, stats.memoryPressure, stats.ioPressure].map(share).join(', '),
  ]
}

function orDash(value: number, show: (value: number) => string): string {
  return value === 0 ? '-' : show(value)
}

/** Null: nothing counts it there. */
function asJson({ sandbox, stats, error }: StatsRow): object {
  const about = { id: sandbox.id, name: sandbox.server }
  if (stats === undefined) return { ...about, error }
  const known = (value: number): number | null => (value === 0 ? null : value)
  const pressure = (value: StatsReply['cpuPressure']): object | null =>
    value === undefined ? null : { some10sPercent: value.some10s, someTotalMs: value.someTotalUs / 1000 }
  return {
    ...about,
    memoryBytes: known(stats.memoryBytes),
    memoryLimitBytes: known(stats.memoryLimitBytes),
    cpuMs: stats.cpuMs,
    processes: known(stats.processes),
    processesLimit: known(stats.processesLimit),
    uptimeMs: stats.uptimeMs,
    pressure: {
      cpu: pressure(stats.cpuPressure),
      memory: pressure(stats.memoryPressure),
      io: pressure(stats.ioPressure),
    },
    lastDenials: stats.lastDenials.map(({ atMs, operation, subject }) => ({ atMs, operation, subject: text(subject) })),
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}
