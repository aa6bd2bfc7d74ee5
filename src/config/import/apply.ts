import { applyEdits, modify } from 'jsonc-parser'
import type { Config } from '../schema/config.ts'
import type { ImportedFile } from './import-file.ts'

export interface Applied {
  readonly text: string
  readonly added: readonly string[]
  /** Servers that are there already, and were left as they are. */
  readonly kept: readonly string[]
  /** Settings for servers that are not there. */
  readonly waiting: readonly string[]
}

const layout = { formattingOptions: { insertSpaces: true, tabSize: 2, eol: '\n' } }

/** A configuration in JSON with the imported servers added; its comments, its order and what it says already stay. */
export function applyImport(
  text: string,
  before: Config,
  { config, settings }: Pick<ImportedFile, 'config' | 'settings'>,
  { replace }: { replace: boolean },
): Applied {
  const [added, kept, waiting]: [string[], string[], string[]] = [[], [], []]
  let result = text
  const set = (path: string[], value: unknown): void => {
    result = applyEdits(result, modify(result, path, value, layout))
  }
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
  return { text: result.endsWith('\n') ? result : `${result}\n`, added, kept, waiting }
}
