import { readFileSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { run } from './programs.ts'

const name = '@modelcontextprotocol/server-filesystem'

export interface InstalledServer {
  readonly command: string
  readonly script: string
  readonly packages: number
  readonly seconds: number
}

/** The words that install the pinned version of the server. */
export function installCommand(): string[] {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  return ['npm', 'install', '--ignore-scripts', `${name}@${manifest.devDependencies[name]}`]
}

/** Installs the real server from npm into a directory of the demo's own. */
export async function installServer(directory: string): Promise<InstalledServer> {
  const own = process.env['npm_execpath']
  const npm = own === undefined ? ['npm'] : [process.execPath, realpathSync(own)]
  const words = [
    ...npm,
    ...installCommand().slice(1),
    '--no-audit',
    '--no-fund',
    '--prefix',
    directory,
    '--prefer-offline',
  ]
  const ran = await run(words, { cwd: directory })
  if (ran.code !== 0) throw new Error(`the server could not be installed from npm:\n${ran.stderr.trim()}`)
  const lock = JSON.parse(readFileSync(path.join(directory, 'node_modules/.package-lock.json'), 'utf8')) as {
    packages: object
  }
  return {
    command: installCommand().join(' '),
    script: path.join(directory, 'node_modules', name, 'dist/index.js'),
    packages: Object.keys(lock.packages).length,
    seconds: ran.seconds,
  }
}

/** A client that is connected to a server, with the time from the start of its process to the answer to `initialize`. */
export interface Connection extends AsyncDisposable {
  readonly client: Client
  readonly startMs: number
}

export async function connect(words: readonly string[], env: NodeJS.ProcessEnv): Promise<Connection> {
  const [command = '', ...args] = words
  const set = Object.fromEntries(Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined))
  const transport = new StdioClientTransport({ command, args, env: set, stderr: 'pipe' })
  let said = ''
  transport.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const client = new Client({ name: 'glovebox-demo', version: '1.0.0' })
  const started = performance.now()
  try {
    await client.connect(transport)
  } catch (error) {
    throw new Error(`the server did not start:\n${said.trim()}`, { cause: error })
  }
  const startMs = performance.now() - started
  return { client, startMs, [Symbol.asyncDispose]: async () => client.close() }
}

/** The text of a tool's result; what the server itself refused is an error result. */
export async function callTool(
  client: Client,
  tool: string,
  args: Record<string, unknown>,
): Promise<{ text: string; isError: boolean }> {
  const result = await client.callTool({ name: tool, arguments: args })
  const text = result.content.map((part) => (part.type === 'text' ? part.text : `(${part.type})`)).join('\n')
  return { text, isError: result.isError === true }
}
