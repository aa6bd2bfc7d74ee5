import type { Stage, Tested } from '../runtime/test-server.ts'
import { styleFor } from './style.ts'
import { table } from './table.ts'
import { untrusted } from './untrusted.ts'

const words: Readonly<Record<Stage, string>> = {
  plan: 'policy and plan',
  sandbox: 'sandbox, until the program runs',
  handshake: 'handshake',
  tools: 'list of tools',
  stop: 'end',
}

export function renderTested(
  { server, driver, stages, self, tools, error }: Tested,
  { json, stream }: { json: boolean; stream: { readonly isTTY?: boolean } },
): string {
  if (json) {
    const ok = error === undefined
    const document = {
      schema: 'glovebox/test/1',
      server,
      driver,
      ok,
      stages: stages.map(({ stage, ms, ok: isGood }) => ({ stage, ok: isGood, tookMs: ms })),
      self: self ?? null,
      tools: tools ?? null,
    }
    return `${JSON.stringify(document, null, 2)}\n`
  }
  const style = styleFor(stream, process.env)
  const rows = stages.map(({ stage, ms, ok }) => [
    ok ? style.good('ok') : style.bad('failed'),
    words[stage],
    `${ms.toFixed(1)} ms`,
  ])
  const total = stages.reduce((sum, { ms }) => sum + ms, 0)
  const about =
    self === undefined
      ? []
      : [
          `${untrusted(self.name).slice(0, 60)} ${untrusted(self.version).slice(0, 30)}, MCP ${self.protocolVersion}, ${tools === 1 ? '1 tool' : `${tools ?? 0} tools`}, driver ${driver}`,
        ]
  return `${[table(rows), ...about, `together ${total.toFixed(0)} ms`].join('\n')}\n`
}
