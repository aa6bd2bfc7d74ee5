import type { ListedServer } from '../config/overview.ts'
import type { ConfiguredServer } from '../config/servers.ts'
import type { Edited } from '../config/edit/servers.ts'
import { policyRows } from './policy.ts'
import { styleFor, type Style } from './style.ts'
import { table } from './table.ts'
import { untrusted } from './untrusted.ts'

interface Options {
  readonly json: boolean
  readonly stream: { readonly isTTY?: boolean }
}

export function renderServers(servers: readonly ListedServer[], { json, stream }: Options): string {
  if (json) return `${JSON.stringify({ schema: 'glovebox/list/1', servers }, null, 2)}\n`
  if (servers.length === 0) return 'no server is configured here; glovebox add NAME -- COMMAND adds one\n'
  const style = styleFor(stream, process.env)
  const heads = ['name', 'scope', 'state', 'trust', 'command'].map(style.bold)
  const rows = servers.map(({ name, scope, state, trust, command, url }) => [
    name,
    scope,
    state === 'enabled' ? style.good(state) : style.dim(state),
    trust === 'unknown' || trust === 'changed' ? style.warn(trust) : trust,
    untrusted(url ?? command.join(' ')),
  ])
  return `${table([heads, ...rows])}\n`
}

/** One server with its policy. Values of variables are not shown: they may be keys. */
export function renderServer(server: ConfiguredServer, { json, stream }: Options): string {
  const { name, scope, file, enabled, command, cwd, policy, origins, unused, confinement } = server
  const trust = scope === 'project' ? (confinement?.state ?? 'trusted') : 'own'
  if (json) {
    const shown = { ...policy, env: Object.keys(policy.env) }
    const from = Object.fromEntries(origins)
    const about = { name, scope, file, enabled, trust, command, cwd, policy: shown, origins: from, unused }
    return `${JSON.stringify({ schema: 'glovebox/show/1', ...about }, null, 2)}\n`
  }
  const style = styleFor(stream, process.env)
  const head = [
    [style.bold('server'), name],
    ['file', `${file} (${scope})`],
    ['trust', trustInWords(trust, style)],
    ['state', enabled ? 'enabled' : 'disabled'],
    ['command', untrusted(command.join(' '))],
    ['directory', untrusted(cwd)],
  ]
  const rows = policyRows(policy, origins).map(({ key, value, origin }) => [
    key,
    untrusted(value),
    style.dim(untrusted(origin)),
  ])
  const rest = unused.map((key) => [key, 'unused', style.dim('means nothing under run')])
  return `${table(head)}\n\n${table([['key', 'value', 'from'].map(style.bold), ...rows, ...rest])}\n`
}

function trustInWords(trust: 'own' | 'trusted' | 'changed' | 'unknown', style: Style): string {
  switch (trust) {
    case 'own':
      return 'your own'
    case 'trusted':
      return 'trusted'
    case 'changed':
      return style.warn('changed since it was trusted: glovebox trust')
    case 'unknown':
      return style.warn('nobody has looked at it yet: glovebox trust')
  }
}

/** What an edit did, for stderr, or as one JSON document for stdout. */
export function renderEdit(verb: string, name: string, { path, backup, trusted }: Edited, json: boolean): string {
  if (json)
    return `${JSON.stringify({ schema: `glovebox/${verb}/1`, name, file: path, backup: backup ?? null, trusted }, null, 2)}\n`
  const kept = backup === undefined ? '' : `; what was there before is in ${backup}`
  const asked = trusted ? '' : '\nnobody has said yes to this configuration yet: glovebox trust'
  return `${name}: ${path}${kept}${asked}\n`
}
