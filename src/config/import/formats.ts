import { entryOf, type Entry, type KeyPath, type Tree } from '../tree.ts'
import { readClientServer } from './client-server.ts'
import { notebook, type Imported, type ImportedServer, type Notebook } from './imported.ts'
import { isIsolationConfig, readIsolationConfig } from './isolation-config.ts'
import { isManifest, readManifestFile } from './manifest-file.ts'
import { isRuntimeSettings, readRuntimeSettings } from './runtime-settings.ts'
import { isTrue, type Variables } from './values.ts'

/**
 * A foreign file, understood by what it has in it; undefined when it is none that is known.
 * Pure: it looks at nothing but the file.
 */
export function readForeign(tree: Tree, variables: Variables): Imported | undefined {
  if (isIsolationConfig(tree)) return readIsolationConfig(tree)
  if (isManifest(tree)) return readManifestFile(tree)
  const sections = serverSections(tree)
  if (sections.length === 0) return isRuntimeSettings(tree) ? readRuntimeSettings(tree) : undefined
  const book = notebook()
  const servers: Record<string, ImportedServer> = {}
  for (const { path, entries } of sections) {
    for (const entry of entries) {
      const at = [...path, entry.key]
      const server = readClientServer(entry.value, at, variables, book)
      const name = server === undefined ? undefined : nameFor(entry, at, servers, book)
      if (server !== undefined && name !== undefined)
        Object.defineProperty(servers, name, { value: server, enumerable: true, configurable: true })
    }
  }
  noteDisabled(tree, servers, book)
  const known = new Set(sections.map(({ path }) => String(path[0])))
  if (tree.kind === 'table')
    for (const { key, keyAt } of tree.entries)
      if (!known.has(key)) book.note(keyAt, [key], 'left out', 'no servers are in it')
  const format = formats[String(sections[0]?.path.at(-1))] ?? 'a client file'
  return { format, servers, defaults: undefined, microvm: undefined, notes: book.notes }
}

const formats: Readonly<Record<string, string>> = {
  mcpServers: 'a client file with mcpServers (Claude, Cursor, Windsurf, Gemini, servers.json)',
  servers: 'a client file with servers (VS Code)',
  context_servers: 'settings of Zed',
  mcp_servers: 'a configuration of Codex',
}

interface Section {
  readonly path: KeyPath
  readonly entries: readonly Entry[]
}

/** Where clients keep servers; Claude Code also by project, VS Code also below `mcp` in its settings. */
function serverSections(tree: Tree): Section[] {
  const direct = ['mcpServers', 'context_servers', 'mcp_servers', 'servers'].map((key): KeyPath => [key])
  const inMcp: KeyPath[] = [['mcp', 'servers']]
  const projects = entryOf(tree, 'projects')?.value
  const byProject =
    projects?.kind === 'table' ? projects.entries.map(({ key }): KeyPath => ['projects', key, 'mcpServers']) : []
  return [...direct, ...inMcp, ...byProject].flatMap((path): Section[] => {
    const found = path.reduce<Tree | undefined>((at, key) => entryOf(at, String(key))?.value, tree)
    if (found?.kind === 'table' && found.entries.length > 0) return [{ path, entries: found.entries }]
    // Continue keeps a list of servers with names.
    if (found?.kind === 'list') return [{ path, entries: found.items.flatMap(named) }]
    return []
  })
}

function named(item: Tree): Entry[] {
  const name = entryOf(item, 'name')?.value
  return name?.kind === 'leaf' && typeof name.value === 'string'
    ? [{ key: name.value, keyAt: item.at, value: item }]
    : []
}

/** A name that is one here too, and that no other server of the file has. */
function nameFor(
  { key, keyAt }: Entry,
  path: KeyPath,
  taken: Readonly<Record<string, ImportedServer>>,
  book: Notebook,
): string | undefined {
  const plain = key
    .trim()
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64)
  if (plain === '') {
    book.note(keyAt, path, 'look', 'no part of this name can be a name here: left out')
    return undefined
  }
  let name = plain
  for (let more = 2; Object.hasOwn(taken, name); more++) name = `${plain}-${more}`
  if (name !== key) book.note(keyAt, path, 'changed', `its name is ${name} here`)
  return name
}

/** Gemini and Claude list the servers that are switched off beside them. */
function noteDisabled(tree: Tree, servers: Record<string, ImportedServer>, book: Notebook): void {
  for (const key of ['disabledMcpServers', 'disabledMcpjsonServers']) {
    const list = entryOf(tree, key)
    if (list?.value.kind !== 'list') continue
    for (const item of list.value.items) {
      const name = item.kind === 'leaf' ? String(item.value) : ''
      const server = Object.hasOwn(servers, name) ? servers[name] : undefined
      if (server !== undefined) servers[name] = { ...server, enabled: false }
    }
    book.note(list.keyAt, [key], 'taken', 'these stay off')
  }
  if (isTrue(entryOf(tree, 'disableMcp')?.value)) book.note(0, ['disableMcp'], 'left out', 'it is for the client')
}
