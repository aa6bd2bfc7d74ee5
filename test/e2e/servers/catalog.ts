/** A real server, how it is started, and what it can be asked without a network. */
export interface RealServer {
  readonly name: string
  /** Its program, below node_modules. */
  readonly entry: string
  /** `DIR` stands for a directory that is made anew for each run, with the same files. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Whether it is given DIR to write to. */
  readonly writes: boolean
  readonly calls: readonly Call[]
}

export interface Call {
  readonly tool: string
  readonly args: Readonly<Record<string, unknown>>
  /** What in the answer is not the same in any two runs: replaced before the answers are compared. */
  readonly mask?: RegExp
}

const base = { args: [], env: {}, writes: false, calls: [] }
const date = /[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d{4} [\d:]{8} GMT[^\\"]*/g

export const catalog: readonly RealServer[] = [
  {
    ...base,
    name: 'everything',
    entry: '@modelcontextprotocol/server-everything/dist/index.js',
    args: ['stdio'],
    calls: [
      { tool: 'echo', args: { message: 'zero\u0000 “quotes” \u{1f9e4}' } },
      { tool: 'get-sum', args: { a: 1, b: 2 } },
      { tool: 'get-tiny-image', args: {} },
      { tool: 'get-structured-content', args: { location: 'New York' } },
      { tool: 'get-annotated-message', args: { messageType: 'error', includeImage: true } },
      { tool: 'get-resource-links', args: { count: 3 } },
      {
        tool: 'get-resource-reference',
        args: { resourceType: 'Text', resourceId: 1 },
        mask: /created at [\d:]+ [AP]M/g,
      },
      // Its environment is the one thing that must differ.
      { tool: 'get-env', args: {}, mask: /"text":"\{.*\}"/g },
      { tool: 'gzip-file-as-resource', args: { name: 'x.gz', data: 'data:text/plain,hello', outputType: 'resource' } },
      { tool: 'no-such-tool', args: {} },
    ],
  },
  {
    ...base,
    name: 'filesystem',
    entry: '@modelcontextprotocol/server-filesystem/dist/index.js',
    args: ['DIR'],
    writes: true,
    calls: [
      { tool: 'list_allowed_directories', args: {} },
      { tool: 'list_directory', args: { path: 'DIR' } },
      { tool: 'read_text_file', args: { path: 'DIR/notes.txt' } },
      { tool: 'read_media_file', args: { path: 'DIR/bytes.bin' } },
      { tool: 'read_multiple_files', args: { paths: ['DIR/notes.txt', 'DIR/absent.txt'] } },
      { tool: 'write_file', args: { path: 'DIR/sub/new.txt', content: 'written\n' } },
      { tool: 'edit_file', args: { path: 'DIR/notes.txt', edits: [{ oldText: 'world', newText: 'gloves' }] } },
      { tool: 'create_directory', args: { path: 'DIR/made/deep' } },
      { tool: 'move_file', args: { source: 'DIR/sub/new.txt', destination: 'DIR/made/moved.txt' } },
      { tool: 'directory_tree', args: { path: 'DIR' } },
      { tool: 'list_directory_with_sizes', args: { path: 'DIR' } },
      { tool: 'search_files', args: { path: 'DIR', pattern: '**/*.txt' } },
      { tool: 'get_file_info', args: { path: 'DIR/made/moved.txt' }, mask: date },
      { tool: 'read_text_file', args: { path: '/etc/passwd' } },
    ],
  },
  {
    ...base,
    name: 'memory',
    entry: '@modelcontextprotocol/server-memory/dist/index.js',
    env: { MEMORY_FILE_PATH: 'DIR/memory.jsonl' },
    writes: true,
    calls: [
      {
        tool: 'create_entities',
        args: { entities: ['a', 'b'].map((name) => ({ name, entityType: 't', observations: ['o'] })) },
      },
      { tool: 'create_relations', args: { relations: [{ from: 'a', to: 'b', relationType: 'knows' }] } },
      { tool: 'add_observations', args: { observations: [{ entityName: 'a', contents: ['wears gloves'] }] } },
      { tool: 'search_nodes', args: { query: 'gloves' } },
      { tool: 'delete_entities', args: { entityNames: ['b'] } },
      { tool: 'read_graph', args: {} },
    ],
  },
  {
    ...base,
    name: 'sequential-thinking',
    entry: '@modelcontextprotocol/server-sequential-thinking/dist/index.js',
    calls: [
      {
        tool: 'sequentialthinking',
        args: { thought: 'a', nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 },
      },
    ],
  },
  {
    ...base,
    name: 'github',
    entry: '@modelcontextprotocol/server-github/dist/index.js',
    env: { GITHUB_PERSONAL_ACCESS_TOKEN: 'none' },
    calls: [{ tool: 'get_issue', args: {} }],
  },
  {
    ...base,
    name: 'postgres',
    entry: '@modelcontextprotocol/server-postgres/dist/index.js',
    // Nobody listens there, on the host or in the sandbox.
    args: ['postgresql://127.0.0.1:1/none'],
    calls: [{ tool: 'query', args: { sql: 'select 1' } }],
  },
  {
    ...base,
    name: 'pdf',
    entry: '@modelcontextprotocol/server-pdf/dist/index.js',
    args: ['--stdio'],
    calls: [{ tool: 'list_pdfs', args: {} }],
  },
  {
    ...base,
    name: 'mongodb',
    entry: 'mongodb-mcp-server/dist/esm/index.js',
    env: { MDB_MCP_TELEMETRY: 'disabled' },
    calls: [
      { tool: 'list-connections', args: {} },
      { tool: 'list-databases', args: {} },
    ],
  },
  { ...base, name: 'notion', entry: '@notionhq/notion-mcp-server/bin/cli.mjs', env: { NOTION_TOKEN: 'none' } },
  { ...base, name: 'context7', entry: '@upstash/context7-mcp/dist/index.js' },
  // Their tools need a browser; what they offer does not.
  { ...base, name: 'playwright', entry: '@playwright/mcp/cli.js', args: ['--headless'] },
  {
    ...base,
    name: 'chrome-devtools',
    entry: 'chrome-devtools-mcp/build/src/bin/chrome-devtools-mcp.js',
    args: ['--headless'],
  },
]
