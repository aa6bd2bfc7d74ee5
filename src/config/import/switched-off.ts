import { quoted } from '../schema/words.ts'
import { entryOf, placeOf, treeAt, type KeyPath, type Tree } from '../tree.ts'
import type { Notebook } from './imported.ts'
import type { Found } from './names.ts'
import { textsOf } from './values.ts'

interface List {
  readonly path: KeyPath
  /** Whether it names the servers that are on: then those that it does not name are off. */
  readonly isAllowed: boolean
}

/**
 * Lists of servers that are on or off, which clients keep beside the servers: Claude for all and by project, Gemini below
 * `mcp`, and at the top in its older files. They name servers as the file does, not as they are called here.
 */
export function listsOf(tree: Tree): List[] {
  const claude = ['disabledMcpServers', 'disabledMcpjsonServers']
  const projects = entryOf(tree, 'projects')?.value
  const inProjects = projects?.kind === 'table' ? projects.entries.map(({ key }) => ['projects', key]) : []
  const off: KeyPath[] = [
    ...[[], ...inProjects].flatMap((path) => claude.map((key) => [...path, key])),
    ['mcp', 'excluded'],
    ['excludeMCPServers'],
  ]
  const on: KeyPath[] = [['mcp', 'allowed'], ['allowMCPServers']]
  return [...off.map((path) => ({ path, isAllowed: false })), ...on.map((path) => ({ path, isAllowed: true }))].filter(
    ({ path, isAllowed }) => {
      const list = treeAt(tree, path)
      // Claude writes an empty list into each project.
      return list !== undefined && (isAllowed || list.kind !== 'list' || list.items.length > 0)
    },
  )
}

/** The servers that such lists switch off. */
export function switchedOff(
  tree: Tree,
  lists: readonly List[],
  found: readonly Found[],
  book: Notebook,
): ReadonlySet<Found> {
  const off = new Set<Found>()
  for (const { path, isAllowed } of lists) {
    const list = treeAt(tree, path)
    const names = list === undefined ? undefined : textsOf(list, path, book)
    if (list === undefined || names === undefined) continue
    const concerned = found.filter(({ section }) => inProject(section) === inProject(path))
    for (const [index, name] of names.entries())
      if (!concerned.some(({ key }) => key === name))
        book.note(list.at, [...path, index], 'look', `${quoted(name)}: ${whyNot(name, path, found)}`)
    const these = concerned.filter(({ key }) => names.includes(key) !== isAllowed)
    for (const each of these) off.add(each)
    const say = these.length === 0 ? 'it switches off none of these servers' : `off here too: ${spelt(these)}`
    book.note(placeOf(tree, path), path, 'taken', say)
  }
  return off
}

function inProject(path: KeyPath): string | undefined {
  return path[0] === 'projects' ? String(path[1]) : undefined
}

function whyNot(name: string, path: KeyPath, found: readonly Found[]): string {
  if (inProject(path) === undefined || !found.some(({ key, section }) => key === name && section[0] !== 'projects'))
    return 'no server that was taken from this file has this name'
  // Off in one project, on in all the others: one configuration of ours cannot say both.
  return 'it is off in that project only, and stays on here; write "enabled": false where it is meant to be off'
}

function spelt(servers: readonly Found[]): string {
  return servers.map(({ key }) => quoted(key)).join(', ')
}
