import { milliseconds } from './milliseconds.ts'
import type { ManyLaunched } from '../runtime/launch-many.ts'
import { quantilesOf, type Quantiles } from './quantiles.ts'
import { styleFor } from './style.ts'
import { table } from './table.ts'
import { untrusted } from './untrusted.ts'

const mib = 1024 ** 2

/** Times in ms, memory in MiB: what people compare. Null where nothing was measured. */
export function renderMany(
  many: ManyLaunched,
  { json, stream }: { json: boolean; stream: { readonly isTTY?: boolean } },
): string {
  const { server, driver, count, batch, failures, launchMs, firstCallMs, pssBytes, tookMs } = many
  const [launch, firstCall] = [quantilesOf(launchMs), quantilesOf(firstCallMs)]
  const memory =
    pssBytes.length === 0
      ? undefined
      : { pssMedian: (quantilesOf(pssBytes)?.p50 ?? 0) / mib, total: pssBytes.reduce((sum, one) => sum + one, 0) / mib }
  if (json) {
    const document = {
      schema: 'glovebox/launch-many/1',
      server,
      driver,
      batch,
      tookMs: milliseconds(tookMs),
      count,
      failures: failures.length,
      launch: launch ? roundedAll(launch) : null,
      firstCall: firstCall ? roundedAll(firstCall) : null,
      memory: memory ? { pssMedian: milliseconds(memory.pssMedian), total: milliseconds(memory.total) } : null,
      errors: [...new Set(failures)].slice(0, 20),
    }
    return `${JSON.stringify(document, null, 2)}\n`
  }
  const style = styleFor(stream, process.env)
  const row = (name: string, found: Quantiles | undefined): string[] => [
    name,
    ...(found === undefined ? ['-', '-', '-'] : [found.p50, found.p95, found.p99].map((ms) => `${ms.toFixed(1)} ms`)),
  ]
  const lines = [
    `${launchMs.length} of ${count} sandboxes of ${untrusted(server)} (${driver}) in ${(tookMs / 1000).toFixed(2)} s, ${batch} at a time`,
    table([['', 'p50', 'p95', 'p99'].map(style.bold), row('launch', launch), row('first call', firstCall)]),
    memory === undefined
      ? 'memory: this kernel does not tell'
      : `memory: ${memory.pssMedian.toFixed(1)} MiB each (median of PSS), ${memory.total.toFixed(0)} MiB together`,
    ...reasons(failures).map(style.bad),
  ]
  return `${lines.join('\n')}\n`
}

function reasons(failures: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const failure of failures) counts.set(failure, (counts.get(failure) ?? 0) + 1)
  return [...counts].slice(0, 5).map(([why, times]) => `failed ${times} ×: ${untrusted(why).slice(0, 300)}`)
}

function roundedAll({ p50, p95, p99 }: Quantiles): Quantiles {
  return { p50: milliseconds(p50), p95: milliseconds(p95), p99: milliseconds(p99) }
}
