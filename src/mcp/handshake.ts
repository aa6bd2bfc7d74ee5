import { GloveboxError } from '../errors.ts'
import { version } from '../version.ts'
import { isObject, type JsonObject, type McpConnection, type RequestOptions, type RpcError } from './connection.ts'

/** What a server says that it is. Hostile text. */
export interface ServerSelf {
  /** Whether it has been initialized, or takes each request by itself (2026-07-28). */
  readonly era: 'session' | 'stateless'
  readonly protocolVersion: string
  readonly name: string
  readonly version: string
  readonly capabilities: JsonObject
  readonly instructions: string | undefined
}

const sessionVersions = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '2024-10-07']
const statelessVersion = '2026-07-28'
const clientInfo = { name: 'glovebox', version }
const key = (name: string): string => `io.modelcontextprotocol/${name}`

/**
 * Finds out which era a server speaks, by speaking. `initialize` is asked first: whoever knows it answers at once, and servers
 * that do not expect another request before it are the many; one that knows only the later era refuses it, and is asked to
 * tell about itself.
 * @throws GloveboxError FAILED when it speaks neither, TIMED_OUT
 */
export async function shakeHands(connection: McpConnection, options: RequestOptions = {}): Promise<ServerSelf> {
  const [protocolVersion = ''] = sessionVersions
  const first = await connection.request('initialize', { protocolVersion, capabilities: {}, clientInfo }, options)
  if (first.error === undefined) {
    const self = initialized(first.result)
    connection.notify('notifications/initialized')
    return self
  }
  const second = await connection.request('server/discover', withEra({}, 'stateless'), options)
  if (second.error === undefined) return discovered(second.result)
  throw refused(first.error)
}

/** The parameters of a request, as the server's era wants them. */
export function withEra(params: JsonObject, era: ServerSelf['era']): JsonObject {
  if (era === 'session') return params
  const meta = isObject(params['_meta']) ? params['_meta'] : {}
  const own = {
    [key('protocolVersion')]: statelessVersion,
    [key('clientCapabilities')]: {},
    [key('clientInfo')]: clientInfo,
  }
  return { ...params, _meta: { ...meta, ...own } }
}

function initialized(result: JsonObject): ServerSelf {
  const { protocolVersion } = result
  if (typeof protocolVersion !== 'string' || !sessionVersions.includes(protocolVersion)) {
    throw unknownVersion(String(protocolVersion))
  }
  return { era: 'session', protocolVersion, ...about(result, result['serverInfo']) }
}

function discovered(result: JsonObject): ServerSelf {
  const versions = result['supportedVersions']
  if (!Array.isArray(versions) || !versions.includes(statelessVersion)) throw unknownVersion(JSON.stringify(versions))
  const meta = isObject(result['_meta']) ? result['_meta'] : {}
  return {
    era: 'stateless',
    protocolVersion: statelessVersion,
    ...about(result, meta[key('serverInfo')] ?? result['serverInfo']),
  }
}

function about(result: JsonObject, info: unknown): Omit<ServerSelf, 'era' | 'protocolVersion'> {
  const { name, version: own } = isObject(info) ? info : {}
  const { capabilities, instructions } = result
  return {
    name: typeof name === 'string' ? name.slice(0, 256) : '',
    version: typeof own === 'string' ? own.slice(0, 256) : '',
    capabilities: isObject(capabilities) ? capabilities : {},
    instructions: typeof instructions === 'string' ? instructions : undefined,
  }
}

function refused({ code, message }: RpcError): GloveboxError {
  return new GloveboxError('FAILED', `the server refused the handshake: ${message.slice(0, 500)} (${code})`, {
    fix: 'what is no MCP server is started by glovebox exec',
  })
}

function unknownVersion(found: string): GloveboxError {
  const known = [statelessVersion, ...sessionVersions].join(', ')
  return new GloveboxError('FAILED', `the server speaks another version of MCP: ${found.slice(0, 100)}`, {
    fix: `this version of Glovebox knows ${known}`,
  })
}
