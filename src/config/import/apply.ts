import type { Edit } from '../edit/edit.ts'
import type { Config } from '../schema/config.ts'
import type { Plain } from '../tree.ts'
import type { ImportedFile } from './import-file.ts'

export interface Planned {
  readonly edits: readonly Edit[]
  readonly added: readonly string[]
  /** Servers that are there already, and were left as they are. */
  readonly kept: readonly string[]
  /** Settings for servers that are not there. */
  readonly waiting: readonly string[]
}

/** The changes that bring what was imported into a configuration; what it says already stays, unless it is to be replaced. */
export function planImport(
  before: Config,
  { config, settings }: Pick<ImportedFile, 'config' | 'settings'>,
  { replace }: { replace: boolean },
): Planned {
  const edits: Edit[] = []
  const [added, kept, waiting]: [string[], string[], string[]] = [[], [], []]
  const set = (path: readonly string[], value: unknown): void =>
    void edits.push({ kind: 'set', path, value: JSON.parse(JSON.stringify(value)) as Plain })
  for (const [name, server] of Object.entries(config.mcpServers ?? {})) {
    if (Object.hasOwn(before.mcpServers ?? {}, name) && !replace) kept.push(name)
    else {
      set(['mcpServers', name], server)
      added.push(name)
    }
  }
  for (const [name, sandbox] of Object.entries(settings)) {
    if (!Object.hasOwn({ ...before.mcpServers, ...config.mcpServers }, name)) waiting.push(name)
    else {
      for (const [key, value] of Object.entries(sandbox)) set(['mcpServers', name, 'sandbox', key], value)
      added.push(name)
    }
  }
  for (const key of ['defaults', 'microvm'] as const) {
    for (const [inner, value] of Object.entries(config[key] ?? {})) {
      if (Object.hasOwn(before[key] ?? {}, inner) && !replace) kept.push(`${key}.${inner}`)
      else {
        set([key, inner], value)
        added.push(`${key}.${inner}`)
      }
    }
  }
  return { edits, added, kept, waiting }
}
