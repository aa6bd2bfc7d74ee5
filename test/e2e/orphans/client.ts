import { spawn } from 'node:child_process'
import path from 'node:path'

/**
 * An MCP client that starts a server with `glovebox run` and waits for its end: `client.ts MARKER`.
 * SIGUSR2 makes it close the server's input; killed, it takes the pipes with it, as a real one does.
 */
const [marker = ''] = process.argv.slice(2)
const glovebox = path.resolve(import.meta.dirname, '../../../bin/glovebox.cjs')
const server = path.join(import.meta.dirname, 'server.sh')

const child = spawn(process.execPath, [glovebox, 'run', '--name', 'nasty', '--', 'sh', server, marker], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
process.on('SIGUSR2', () => child.stdin.end())
// Killed while we write: its end is what is waited for.
child.stdin.on('error', () => undefined)
child.stdout.resume()
child.on('exit', () => process.exit())
const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'client', version: '1' } }
child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })}\n`)
