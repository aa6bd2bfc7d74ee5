import { existsSync } from 'node:fs'
import path from 'node:path'
import { root } from './machine.ts'

const server = path.join(root, 'node_modules/@modelcontextprotocol/server-filesystem/dist/index.js')

/** A real server on this directory, bare and behind the wall. */
export function filesystemServer(glovebox: readonly string[], directory: string): { bare: string[]; walled: string[] } {
  const bare = [process.execPath, server, directory]
  return { bare, walled: [...glovebox, 'run', '--read', directory, '--', ...bare] }
}

/** A server that only answers, so that what is between it and the client is what is measured. */
export function echoServer(glovebox: readonly string[]): { bare: string[]; walled: string[] } {
  const bare = [process.execPath, path.join(root, 'bench/echo-server.mjs')]
  return { bare, walled: [...glovebox, 'run', '--', ...bare] }
}

export function installed(name: string): string | undefined {
  const places = (process.env['PATH'] ?? '').split(path.delimiter)
  return places.map((place) => path.join(place, name)).find((file) => existsSync(file))
}
