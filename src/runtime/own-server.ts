/**
 * The least that is an MCP server, for `test` and `launch-many` without one of the user's: what is measured then is the sandbox.
 * As an argument and not as a file: nothing has to be shown to the sandbox for it.
 */
export function ownServer(): string[] {
  return [process.execPath, '-e', program]
}

const program = `
let rest = ''
const answers = {
  initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'glovebox-test', version: '1' } }),
  'tools/list': () => ({ tools: [{ name: 'echo', description: 'Says what it was told', inputSchema: { type: 'object', properties: { text: { type: 'string' } } } }] }),
  'tools/call': ({ arguments: { text = '' } = {} }) => ({ content: [{ type: 'text', text: String(text) }] }),
  ping: () => ({}),
}
process.stdin.setEncoding('utf8').on('data', (chunk) => {
  const lines = (rest + chunk).split('\\n')
  rest = lines.pop()
  for (const line of lines) {
    const { id, method, params } = JSON.parse(line)
    if (id === undefined) continue
    const answer = answers[method]
    const outcome = answer ? { result: answer(params ?? {}) } : { error: { code: -32601, message: 'Method not found' } }
    process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, ...outcome }) + '\\n')
  }
})
`
