import { entryOf, type Entry, type KeyPath, type Tree } from '../tree.ts'
import { readClientServer } from './client-server.ts'
import { isGemini } from './gemini.ts'
import { notebook, type Imported, type ImportedServer, type Notebook } from './imported.ts'
import { isIsolationConfig, readIsolationConfig } from './isolation-config.ts'
import { isManifest, readManifestFile } from './manifest-file.ts'
import { isRuntimeSettings, readRuntimeSettings } from './runtime-settings.ts'
import { namesFor, type Found } from './names.ts'
import { listsOf, switchedOff } from './switched-off.ts'
import type { Variables } from './values.ts'

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
  const bareNames =
    variables.bareNames === true ||
    isGemini(
      tree,
      sections.flatMap(({ entries }) => entries),
    )
  const found = sections.flatMap((section) => readSection(section, { ...variables, bareNames }, book))
  const lists = listsOf(tree)
  const off = switchedOff(tree, lists, found, book)
  const names = namesFor(found, book)
  const servers = Object.fromEntries(
    found.flatMap((each) => {
      const name = names.get(each)
      const server: ImportedServer = off.has(each) ? { ...each.server, enabled: false } : each.server
      return name === undefined ? [] : [[name, server] as const]
    }),
  )
  noteOthers(tree, [...sections, ...lists], book)
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

function readSection({ path, entries }: Section, variables: Variables, book: Notebook): Found[] {
  // Claude Code keeps a server of one project below that project's path.
  const project = path[0] === 'projects' ? String(path[1]) : variables.project
  return entries.flatMap(({ key, keyAt, value }) => {
    const server = readClientServer(value, [...path, key], { ...variables, project }, book)
    return server === undefined ? [] : [{ section: path, key, keyAt, server }]
  })
}

/** What was not looked into: keys of the file, and beside Gemini's lists. */
function noteOthers(tree: Tree, read: readonly { readonly path: KeyPath }[], book: Notebook): void {
  const known = new Set(read.map(({ path }) => path[0]))
  const inMcp = new Set(read.flatMap(({ path }) => (path[0] === 'mcp' ? [path[1]] : [])))
  for (const { key, keyAt, value } of tree.kind === 'table' ? tree.entries : []) {
    if (!known.has(key)) book.note(keyAt, [key], 'left out', 'no servers are in it')
    if (key === 'mcp' && known.has(key) && value.kind === 'table')
      for (const entry of value.entries)
        if (!inMcp.has(entry.key)) book.note(entry.keyAt, [key, entry.key], 'left out', 'no servers are in it')
  }
}
