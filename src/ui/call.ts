import { milliseconds } from './milliseconds.ts'
import { exitCodes, GloveboxError } from '../errors.ts'
import type { Tool } from '../mcp/tools.ts'
import type { CallReply } from '../protocol/daemon.ts'
import { styleFor } from './style.ts'
import { table } from './table.ts'
import { untrusted, untrustedLog } from './untrusted.ts'

interface Options {
  readonly server: string
  readonly tool: string
  readonly json: boolean
  readonly stream: { readonly isTTY?: boolean }
}

/**
 * What a tool answered: its text for people, all of it as JSON.
 * @throws GloveboxError TOOL_ERROR for an error of the protocol, where no JSON is wanted
 */
export function renderCall(
  reply: CallReply,
  { server, tool, json, stream }: Options,
): { text: string; exitCode: number } {
  const { sandbox, fresh, ms, result, error } = reply
  const isBad = error !== undefined || result?.['isError'] === true
  const exitCode = isBad ? exitCodes.toolError : exitCodes.ok
  if (json) {
    const outcome = error === undefined ? { result } : { error }
    const document = { schema: 'glovebox/call/1', server, tool, sandbox, fresh, tookMs: milliseconds(ms), ...outcome }
    return { text: `${JSON.stringify(document, null, 2)}\n`, exitCode }
  }
  if (error !== undefined) {
    throw new GloveboxError('TOOL_ERROR', `${tool}: ${error.message} (${error.code})`, {
      fix: fixFor(error.code, server, fresh),
    })
  }
  const text = textOf(result ?? {})
  return { text: stream.isTTY === true ? untrustedLog(text) : text, exitCode }
}

/** JSON-RPC 2.0, 5.1: there is no such method, or its arguments are not those that it takes. */
const mistaken: ReadonlySet<number> = new Set([-32601, -32602])

function fixFor(code: number, server: string, fresh: boolean): string {
  if (mistaken.has(code)) return `see its tools: glovebox tools ${server}`
  return fresh ? `see how it starts: glovebox test ${server}` : `see what it wrote: glovebox logs ${server}`
}

/** Blocks of text as they are, anything else by what it is; structure where there is no text. */
function textOf(result: Readonly<Record<string, unknown>>): string {
  const { content, structuredContent } = result
  const blocks = Array.isArray(content) ? content.map(blockOf) : []
  if (blocks.length > 0) return blocks.map((block) => (block.endsWith('\n') ? block : `${block}\n`)).join('')
  return structuredContent === undefined ? '' : `${JSON.stringify(structuredContent, null, 2)}\n`
}

function blockOf(block: unknown): string {
  if (typeof block !== 'object' || block === null) return ''
  const { type, text, data, mimeType, uri, resource } = block as Record<string, unknown>
  if (typeof text === 'string') return text
  const inner = typeof resource === 'object' && resource !== null ? (resource as Record<string, unknown>) : {}
  if (typeof inner['text'] === 'string') return inner['text']
  const bytes = typeof data === 'string' ? `, ${Math.floor((data.length * 3) / 4)} bytes` : ''
  const what = [mimeType, uri ?? inner['uri']].filter((word) => typeof word === 'string').join(' ')
  return `[${untrusted(`${String(type)} ${what}`.trim())}${bytes}: --json has it]`
}

export function renderToolList(
  tools: readonly Tool[],
  { server, json, stream }: { server: string; json: boolean; stream: { readonly isTTY?: boolean } },
): string {
  if (json) return `${JSON.stringify({ schema: 'glovebox/tools/1', server, tools }, null, 2)}\n`
  if (tools.length === 0) return `${untrusted(server)} has no tools\n`
  const style = styleFor(stream, process.env)
  const rows = tools.map((tool) => [style.bold(untrusted(tool.name)), untrusted(argumentsOf(tool)), firstLineOf(tool)])
  return `${table(rows)}\n`
}

/** `path, head?`: the names of its arguments, those that may be left out with a question mark. */
function argumentsOf({ inputSchema }: Tool): string {
  const { properties, required } = (inputSchema ?? {}) as { properties?: object; required?: readonly unknown[] }
  const wanted = Array.isArray(required) ? required : []
  const names = typeof properties === 'object' && properties !== null ? Object.keys(properties) : []
  return names
    .map((name) => (wanted.includes(name) ? name : `${name}?`))
    .join(', ')
    .slice(0, 60)
}

function firstLineOf({ description }: Tool): string {
  const text = typeof description === 'string' ? untrusted((description.split('\n')[0] ?? '').trim()) : ''
  return text.length > 90 ? `${text.slice(0, 89)}…` : text
}
