import type { ConfigScope, Scopes } from './scopes.ts'

/** One server as `list` tells it. */
export interface ListedServer {
  readonly name: string
  readonly scope: 'project' | 'user' | 'file'
  readonly file: string
  readonly state: 'enabled' | 'disabled' | 'shadowed'
  /** Whether the configuration is the user's own, or one that they said yes to. */
  readonly trust: 'own' | 'trusted' | 'changed' | 'unknown'
  readonly command: readonly string[]
  readonly url: string | undefined
  readonly driver: string | undefined
}

/** Every server of every file that holds, those of the project first. */
export function listServers({ project, user, named }: Scopes): ListedServer[] {
  const inProject = new Set(Object.keys(project?.file.config.mcpServers ?? {}))
  return [
    ...serversOf(named, () => false),
    ...serversOf(project, () => false),
    ...serversOf(user, (name) => inProject.has(name)),
  ]
}

function serversOf(scope: ConfigScope | undefined, isShadowed: (name: string) => boolean): ListedServer[] {
  if (scope === undefined) return []
  const { file, trust } = scope
  return Object.entries(file.config.mcpServers ?? {}).map(
    ([name, { command, args = [], url, enabled = true, sandbox }]) => ({
      name,
      scope: scope.scope.kind,
      file: file.source.path,
      state: isShadowed(name) ? 'shadowed' : enabled ? 'enabled' : 'disabled',
      trust: trust?.state ?? 'own',
      command: command === undefined ? [] : [command, ...args],
      url,
      driver: sandbox?.driver ?? file.config.defaults?.driver,
    }),
  )
}
