import type { UpServer } from '../daemon/up.ts'
import { milliseconds } from './milliseconds.ts'
import { styleFor, type Style } from './style.ts'
import { table } from './table.ts'
import { untrusted } from './untrusted.ts'

interface Options {
  readonly json: boolean
  readonly directory: string
  readonly stream: { readonly isTTY?: boolean }
}

export function renderUp(servers: readonly UpServer[], { json, directory, stream }: Options): string {
  if (json) {
    const failures = servers.filter(({ state }) => state === 'failed').length
    const document = { schema: 'glovebox/up/1', directory, failures, servers: servers.map(plain) }
    return `${JSON.stringify(document, null, 2)}\n`
  }
  const style = styleFor(stream, process.env)
  const heads = ['name', 'state', 'id', 'driver', 'tools', 'workspace'].map(style.bold)
  const rows = servers.map((server) => rowOf(server, style))
  const up = servers.flatMap(({ name, state }) => (state === 'started' || state === 'running' ? [untrusted(name)] : []))
  const lines = [
    table([heads, ...rows]),
    ...servers.flatMap((server) => whyOf(server, style)),
    ...(up.length === 0
      ? []
      : [style.dim(`glovebox stop ${up.join(' ')} ends them, and takes over what they changed`)]),
  ]
  return `${lines.join('\n')}\n`
}

function plain(server: UpServer): object {
  if (server.state === 'remote') return server
  if (server.state !== 'failed') return { ...server, totalMs: milliseconds(server.totalMs) }
  const { code, message, fix } = server.error
  return { ...server, error: { code, message, fix: fix ?? null } }
}

function rowOf(server: UpServer, style: Style): string[] {
  const name = untrusted(server.name)
  if (server.state === 'failed') return [name, style.bad('failed')]
  if (server.state === 'remote') return [name, style.dim('remote'), '', '', '', untrusted(server.url)]
  const { state, id, driver, tools, workspace } = server
  return [name, style.good(state), id, driver, tools === null ? '' : String(tools), untrusted(workspace ?? '')]
}

function whyOf(server: UpServer, style: Style): string[] {
  if (server.state === 'remote')
    return [style.dim(`${untrusted(server.name)} runs elsewhere: there is nothing to start`)]
  if (server.state !== 'failed') return []
  const { message, fix } = server.error
  const why = `${untrusted(server.name)}: ${untrusted(message)}`
  return [style.bad(why), ...(fix === undefined ? [] : [`  ${style.dim('fix:')} ${untrusted(fix)}`])]
}
