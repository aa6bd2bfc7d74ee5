import type { Entry, KeyPath, Tree } from '../tree.ts'
import type { ImportedSandbox, ImportedServer, Notebook } from './imported.ts'
import { untilWritten } from './unwritten.ts'
import { expand, isTrue, numberOf, textOf, textsOf, type Variables } from './values.ts'

/** Keys of clients that say nothing about what a server is or may do. */
const presentational: ReadonlySet<string> = new Set(
  'description name title icon gallery version dev note autoApprove alwaysAllow trust startup_timeout_sec startup_timeout_ms timeout required source settings'.split(
    ' ',
  ),
)

type Draft = { -readonly [K in keyof ImportedServer]: ImportedServer[K] }

/** What a server's keys are read into. */
interface Reading {
  readonly server: Draft
  readonly tools: { allow?: string[]; deny?: string[] }
  readonly limits: Record<string, string>
  /** A text with what is known put in; what is not known is remembered. */
  readonly expanded: (text: string, at: number, path: KeyPath, isVariable?: boolean) => string
}

/**
 * One server of a client's file. The clients differ in a few names for the same (`url`, `serverUrl`, `httpUrl`): all of them
 * are understood everywhere, since files are copied from one client to another.
 */
export function readClientServer(
  tree: Tree,
  path: KeyPath,
  variables: Variables,
  book: Notebook,
): ImportedServer | undefined {
  if (tree.kind !== 'table') {
    book.note(tree.at, path, 'look', 'a server is a table: left out')
    return undefined
  }
  const missing: string[] = []
  const reading: Reading = {
    server: {},
    tools: {},
    limits: {},
    expanded(text, at, path, isVariable = false) {
      const found = expand(text, { at, path, isVariable }, variables, book)
      if (found.missing !== undefined) missing.push(found.missing)
      return found.text
    },
  }
  for (const entry of tree.entries) readKey(entry, [...path, entry.key], reading, book)
  const { server, tools, limits } = reading
  if (server.command === undefined && server.url === undefined) {
    book.note(tree.at, path, 'look', 'it has neither a command nor an address: left out')
    return undefined
  }
  unwrapWindows(server, tree.at, path, book)
  const sandbox: ImportedSandbox = {
    ...(Object.keys(tools).length > 0 && { tools }),
    ...(Object.keys(limits).length > 0 && { limits }),
  }
  const whole = { ...server, ...(Object.keys(sandbox).length > 0 && { sandbox }) }
  return untilWritten(whole, missing, { at: tree.at, path }, book)
}

function readKey({ key, keyAt, value }: Entry, path: KeyPath, reading: Reading, book: Notebook): void {
  const { server, tools, limits, expanded } = reading
  const put = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : expanded(text, value.at, path)
  switch (key) {
    case 'command': {
      // Zed once wrote {"path": …, "args": […]} here.
      if (value.kind === 'table') {
        for (const entry of value.entries) {
          const name = entry.key === 'path' ? 'command' : entry.key
          readKey({ ...entry, key: name }, [...path, entry.key], reading, book)
        }
        return
      }
      const text = put(textOf(value, path, book))
      if (text !== undefined) server.command = text
      return
    }
    case 'args': {
      const args = textsOf(value, path, book)
      if (args !== undefined && value.kind === 'list')
        server.args = args.map((text, index) => expanded(text, value.items[index]?.at ?? value.at, [...path, index]))
      return
    }
    case 'env':
    case 'headers':
    case 'http_headers':
      return readRecord(value, path, key === 'env' ? 'env' : 'headers', reading, book)
    case 'url':
    case 'serverUrl':
    case 'httpUrl':
    case 'server_url': {
      const text = put(textOf(value, path, book))
      if (text !== undefined) server.url = text
      return
    }
    case 'type':
    case 'transport':
    case 'transportType':
      return readType(value, path, server, book)
    case 'disabled':
    case 'enabled': {
      const off = isTrue(value) === (key === 'disabled') && value.kind === 'leaf'
      if (off) server.enabled = false
      return book.note(keyAt, path, 'taken', off ? 'it stays off' : '')
    }
    case 'includeTools':
    case 'enabled_tools':
    case 'allowedTools': {
      const names = textsOf(value, path, book)
      if (names !== undefined) tools.allow = names
      return book.note(keyAt, path, 'changed', 'sandbox.tools.allow')
    }
    case 'excludeTools':
    case 'disabled_tools':
    case 'disabledTools': {
      const names = textsOf(value, path, book)
      if (names !== undefined) tools.deny = names
      return book.note(keyAt, path, 'changed', 'sandbox.tools.deny')
    }
    case 'tool_timeout_sec': {
      const seconds = numberOf(value, path, book)
      if (seconds !== undefined) limits['time'] = `${seconds}s`
      return book.note(keyAt, path, 'changed', 'sandbox.limits.time')
    }
    case 'cwd':
    case 'envFile':
    case 'env_file':
    case 'bearer_token_env_var':
    case 'oauth':
    case 'auth':
    case 'sandbox':
      return book.note(keyAt, path, 'look', foreign[key] ?? 'it has no counterpart here')
    default:
      return presentational.has(key)
        ? book.note(keyAt, path, 'left out', 'it is for the client')
        : book.note(keyAt, path, 'look', 'not a key that is known: left out')
  }
}

const foreign: Readonly<Record<string, string>> = {
  cwd: "the server is started in the configuration's directory: write paths in full",
  envFile: 'name the variables in "env", or start with --env-file',
  env_file: 'name the variables in "env", or start with --env-file',
  bearer_token_env_var: 'write an Authorization header',
  oauth: 'sign in with the client, at the gateway',
  auth: 'sign in with the client, at the gateway',
  sandbox: "another program's sandbox: left out, what Glovebox allows by default holds",
}

function readRecord(
  value: Tree,
  path: KeyPath,
  key: 'env' | 'headers',
  { server, expanded }: Reading,
  book: Notebook,
): void {
  if (value.kind !== 'table') return book.note(value.at, path, 'look', 'a table is meant here: left out')
  const record: Record<string, string> = {}
  for (const entry of value.entries) {
    const at = [...path, entry.key]
    const { value: item } = entry
    const text = item.kind === 'leaf' && item.value !== null ? String(item.value) : textOf(item, at, book)
    if (text === undefined) continue
    Object.defineProperty(record, entry.key, {
      value: expanded(text, item.at, at, key === 'env'),
      enumerable: true,
    })
    if (key === 'env' && /(key|token|secret|password)/i.test(entry.key) && !/\$ ?\{/.test(record[entry.key] ?? ''))
      book.note(
        item.at,
        at,
        'look',
        `a secret in plain text; "\${env:${entry.key}}" copies it from our environment instead`,
      )
  }
  server[key] = record
}

function readType(value: Tree, path: KeyPath, server: Draft, book: Notebook): void {
  const text = textOf(value, path, book)
  if (text === undefined) return
  if (text === 'sse') server.type = 'sse'
  else if (/^(http|streamable-?http|streamableHttp)$/.test(text)) server.type = 'http'
  else if (text !== 'stdio')
    return book.note(value.at, path, 'look', `"${text}" is no transport that is known: left out`)
  book.note(value.at, path, 'taken')
}

/** `cmd /c npx …`, which Windows needs, is `npx …`. */
function unwrapWindows(server: Draft, at: number, path: KeyPath, book: Notebook): void {
  const [first, program, ...rest] = server.args ?? []
  if (!/^cmd(\.exe)?$/i.test(server.command ?? '') || first?.toLowerCase() !== '/c' || program === undefined) return
  server.command = program
  server.args = rest
  book.note(at, [...path, 'command'], 'changed', `the command is ${program}, without cmd /c`)
}
