import { entryOf, type Entry, type Tree } from '../tree.ts'

/** Keys of a server that nobody but Gemini has. */
const own = ['httpUrl', 'trust', 'includeTools', 'excludeTools']

/**
 * Whether these are settings of Gemini, which replaces `$NAME` in every text; for the other clients that is a text like any
 * other. `.gemini/settings.json` is known by its place, a copy by what is in it.
 */
export function isGemini(tree: Tree, servers: readonly Entry[]): boolean {
  return (
    ['excluded', 'allowed', 'serverCommand'].some((key) => entryOf(entryOf(tree, 'mcp')?.value, key) !== undefined) ||
    ['allowMCPServers', 'excludeMCPServers'].some((key) => entryOf(tree, key) !== undefined) ||
    servers.some(({ value }) => own.some((key) => entryOf(value, key) !== undefined))
  )
}
