import { homedir } from 'node:os'
import { basename, dirname, resolve } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { problemAt, problemsError, SyntaxProblem } from '../problem.ts'
import { configShape, type Config } from '../schema/config.ts'
import type { SandboxConfig } from '../schema/sandbox.ts'
import { readShape } from '../schema/shape.ts'
import { positionAt, readSource } from '../source.ts'
import { parseAs, spellingOf } from '../spelling.ts'
import { treeOf, type Plain } from '../tree.ts'
import { readForeign } from './formats.ts'
import type { Imported, Note } from './imported.ts'

export interface ImportedFile {
  readonly file: string
  readonly format: string
  /** What goes into our configuration; checked by its schema. */
  readonly config: Config
  /** For servers that the file only names: their commands are in another one. */
  readonly settings: Readonly<Record<string, SandboxConfig>>
  /** Line by line, in the order of the file. */
  readonly notes: readonly (Omit<Note, 'at'> & { readonly line: number })[]
}

/**
 * A client's file, or another program's, as a configuration of ours, with what was understood of each line.
 * @throws GloveboxError POLICY_INVALID when it is none that is known, or its syntax is broken
 */
export async function importFile(path: string): Promise<ImportedFile> {
  const source = readSource(path)
  const tree = await parseAs(spellingOf(path), source.text).catch((error: unknown) => {
    if (!(error instanceof SyntaxProblem)) throw error
    throw problemsError([problemAt(source, error.offset, { path: [], why: error.why, fix: error.fix })])
  })
  const found = readForeign(tree, { project: projectOf(path), home: homedir(), bareNames: isOfGemini(path) })
  if (found === undefined) {
    throw new GloveboxError('POLICY_INVALID', `${path}: no servers and no settings of another program are in it`, {
      fix: 'files of Claude, Cursor, VS Code, Windsurf, Zed, Codex, Gemini, Continue, servers.json, isolation_config, manifests and srt settings are known',
    })
  }
  const { config, settings, notes } = checked(found)
  return {
    file: path,
    format: found.format,
    config,
    settings,
    notes: notes
      .map(({ at, ...note }) => ({ ...note, line: positionAt(source.text, at).line }))
      .toSorted((a, b) => a.line - b.line),
  }
}

/** `.vscode/mcp.json`, `.cursor/mcp.json` and their like are for the directory around theirs. */
function projectOf(path: string): string {
  const directory = dirname(resolve(path))
  return /\/\.(vscode|cursor|gemini|codex|continue)$/.test(directory) ? dirname(directory) : directory
}

/** Gemini's files by their place or name; `isGemini` knows others by what is in them. */
function isOfGemini(path: string): boolean {
  const file = resolve(path)
  return basename(dirname(file)) === '.gemini' || basename(file).startsWith('gemini')
}

/** What our own schema would refuse is left out, and told. */
function checked(found: Imported): Pick<ImportedFile, 'config' | 'settings'> & { notes: readonly Note[] } {
  const notes = [...found.notes]
  const [servers, settings]: [Record<string, Plain>, Record<string, SandboxConfig>] = [{}, {}]
  const keep = (record: object, key: string, value: unknown): void =>
    void Object.defineProperty(record, key, { value, enumerable: true })
  for (const [name, server] of Object.entries(found.servers)) {
    const isOnlySettings = server.command === undefined && server.url === undefined
    const value = (isOnlySettings ? (server.sandbox ?? {}) : server) as unknown as Plain
    const why = wrongWith(isOnlySettings ? { defaults: value } : { mcpServers: { [name]: value } })
    const key = `mcpServers.${name}`
    if (why !== undefined) notes.push({ at: placeOfServer(found, name), key, verdict: 'look', say: `left out: ${why}` })
    else keep(isOnlySettings ? settings : servers, name, value)
  }
  const raw: Record<string, Plain> = Object.keys(servers).length > 0 ? { mcpServers: servers } : {}
  for (const [key, value] of [
    ['defaults', found.defaults],
    ['microvm', found.microvm],
  ] as const) {
    if (value === undefined || Object.keys(value).length === 0) continue
    const why = wrongWith({ [key]: value as unknown as Plain })
    if (why === undefined) raw[key] = value as unknown as Plain
    else notes.push({ at: 0, key, verdict: 'look', say: `left out: ${why}` })
  }
  return { config: raw, settings, notes }
}

function wrongWith(config: Plain): string | undefined {
  const { problems } = readShape(configShape, treeOf(config))
  const [first] = problems
  return first === undefined ? undefined : `${first.why}; ${first.fix}`
}

function placeOfServer({ notes }: Imported, name: string): number {
  return notes.find(({ key }) => key.split(/[.[]/).includes(name))?.at ?? 0
}
