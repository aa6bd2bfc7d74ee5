import { GloveboxError } from '../errors.ts'
import { isObject, type Answer, type JsonObject, type McpConnection, type RequestOptions } from './connection.ts'
import { withEra, type ServerSelf } from './handshake.ts'

/** A tool as the server describes it. Hostile text. */
export interface Tool extends JsonObject {
  readonly name: string
}

const maxPages = 100
const maxTools = 10_000

/**
 * All tools of a server, page by page; none of one that has no tools.
 * @throws GloveboxError FAILED; TIMED_OUT
 */
export async function listTools(
  connection: McpConnection,
  self: ServerSelf,
  options: RequestOptions = {},
): Promise<Tool[]> {
  if (self.capabilities['tools'] === undefined) return []
  const tools: Tool[] = []
  let cursor: string | undefined
  for (let page = 0; page < maxPages; page++) {
    const params = cursor === undefined ? {} : { cursor }
    const { result, error } = await connection.request('tools/list', withEra(params, self.era), options)
    if (error !== undefined) throw new GloveboxError('FAILED', `tools/list: ${error.message} (${error.code})`)
    const found = Array.isArray(result['tools']) ? result['tools'] : []
    tools.push(...found.filter(isTool))
    if (tools.length > maxTools) throw new GloveboxError('FAILED', `tools/list: more than ${maxTools} tools`)
    const next = result['nextCursor']
    if (typeof next !== 'string') return tools
    cursor = next
  }
  throw new GloveboxError('FAILED', `tools/list: more than ${maxPages} pages`)
}

/** @throws GloveboxError FAILED, TIMED_OUT; a tool's own error is an answer */
export async function callTool(
  connection: McpConnection,
  self: ServerSelf,
  { name, args }: { readonly name: string; readonly args: JsonObject },
  options: RequestOptions = {},
): Promise<Answer> {
  return connection.request('tools/call', withEra({ name, arguments: args }, self.era), options)
}

function isTool(value: unknown): value is Tool {
  return isObject(value) && typeof value['name'] === 'string'
}
