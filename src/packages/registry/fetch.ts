import { GloveboxError, messageOf } from '../../errors.ts'
import { readIfThere } from '../store/record.ts'
import { readServerJson, type ServerJson } from './server-json.ts'

const usual = 'https://registry.modelcontextprotocol.io'
const [patienceMs, maxBytes] = [4000, 1024 ** 2]

export interface RegistryAnswer {
  readonly server: ServerJson
  readonly notes: readonly string[]
}

/**
 * A server by its name in the MCP registry, or out of a `server.json` file.
 * @throws GloveboxError naming the registry when it cannot be reached
 */
export async function serverFrom(id: string, env: NodeJS.ProcessEnv): Promise<RegistryAnswer> {
  if (/\.json$|^[./]/.test(id)) return read(await parse(readIfThere(id), id), id)
  const base = (env['GLOVEBOX_REGISTRY'] ?? usual).replace(/\/$/, '')
  const url = `${base}/v0/servers/${encodeURIComponent(id)}/versions/latest`
  return read(await parse(await download(url, base), base), base)
}

async function download(url: string, base: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(patienceMs), redirect: 'error' })
    if (response.status === 404) return undefined
    if (!response.ok) throw new Error(`it answered ${response.status}`)
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length
      if (bytes > maxBytes) throw new Error(`its answer has more than ${maxBytes} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString('utf8')
  } catch (cause) {
    const why = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : messageOf(cause)
    throw new GloveboxError('FAILED', `${base} cannot be read: ${why}`, {
      cause,
      fix: 'try again with a connection; or name a server.json file, or add the server by its command',
    })
  }
}

async function parse(text: string | undefined, from: string): Promise<unknown> {
  if (text === undefined) {
    throw new GloveboxError('USAGE', `${from} has no such server`, { fix: 'check the name: io.github.user/server' })
  }
  try {
    return await Promise.resolve(JSON.parse(text) as unknown)
  } catch (cause) {
    throw new GloveboxError('POLICY_INVALID', `${from}: no JSON: ${messageOf(cause)}`, {
      cause,
      fix: 'tell its author',
    })
  }
}

/** The registry's answer has the file below `server`, and its own word on it below `_meta`. */
function read(value: unknown, from: string): RegistryAnswer {
  const { server, _meta: meta } = (value ?? {}) as { server?: unknown; _meta?: Readonly<Record<string, unknown>> }
  const official = meta?.['io.modelcontextprotocol.registry/official'] as { status?: string } | undefined
  if (official?.status === 'deleted') {
    throw new GloveboxError('REFUSED', `${from} has taken this server back`, { fix: 'look for what replaces it' })
  }
  const notes = official?.status === 'deprecated' ? ['the registry says that it is deprecated'] : []
  return { server: readServerJson(server ?? value), notes }
}
