import { withPort } from '../protocol/endpoint.ts'
import { untrusted } from './untrusted.ts'

/** Where the ports of a sandbox are reached, as told when it starts: a line each for people, one document for programs. */
export function renderPublished(
  ports: readonly { readonly address: string; readonly port: number; readonly inside: number }[],
  { json, sandbox, server }: { readonly json: boolean; readonly sandbox: string; readonly server: string },
): string {
  if (json) return `${JSON.stringify({ schema: 'glovebox/published/1', sandbox, name: server, ports })}\n`
  return ports.map((port) => `glovebox: ${urlOf(port)} → port ${port.inside} of "${untrusted(server)}"\n`).join('')
}

/** For a browser, which is what most ports are for. */
export function urlOf({ address, port }: { readonly address: string; readonly port: number }): string {
  return `http://${withPort(address, port)}`
}
