import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { CatalogEntry } from '../../src/packages/catalog/entry.ts'
import { compiledFor } from './compiled.ts'
import { startMcp } from './mcp-process.ts'
import { runApart } from './run-apart.ts'

const bin = path.resolve(import.meta.dirname, '../../bin/glovebox.cjs')

/**
 * Starts an entry by its name behind the wall, without a network, and does what its `check` says.
 * An entry that needs the network is started without it here: its tools are listed, none is called.
 * @throws AssertionError when it does not work with the policy of its entry
 */
export async function checkEntry(
  entry: CatalogEntry,
  options: { home: string; flags?: readonly string[]; env?: NodeJS.ProcessEnv },
): Promise<void> {
  const places = makePlaces()
  try {
    const put = (text: string): string =>
      text.replaceAll('{scratch}', places.scratch).replaceAll('{repository}', places.repository)
    const variables = (entry.variables ?? []).flatMap(({ name }) => ['--env', `${name}=${examples[name] ?? 'none'}`])
    const isOnline = entry.sandbox.network !== undefined
    const words = (entry.check.parameters ?? []).map(put)
    const target = isOnline
      ? [...execFlags(entry), '--', ...entry.command.map((word) => word.replaceAll(/\{\w+\}/g, 'none'))]
      : [entry.name, ...words]
    const env = { ...environment(options.home), ...options.env }
    await using server = await startMcp(
      [process.execPath, bin, 'run', ...(options.flags ?? []), ...variables, ...target],
      {
        env,
        cwd: places.scratch,
        patienceMs: 120_000,
      },
    )
    const { result } = await server.request('tools/list', {})
    const names = (result?.['tools'] as { name: string }[] | undefined)?.map(({ name }) => name) ?? []
    for (const tool of entry.check.tools)
      assert.ok(names.includes(tool), `${entry.name} has no ${tool}: ${names.join(', ')}`)
    const { call, answer = '' } = entry.check
    if (call === undefined) return
    const args = JSON.parse(put(JSON.stringify(call.arguments))) as object
    const said = JSON.stringify(await server.request('tools/call', { name: call.name, arguments: args }))
    assert.ok(
      said.includes(answer) && !said.includes('"isError":true'),
      `${entry.name}: ${call.name} says ${said.slice(0, 500)}`,
    )
  } finally {
    rmSync(places.root, { recursive: true, force: true })
  }
}

/** Installs what an entry starts, which may take minutes on a busy machine; a start that has it does not wait for it. */
export async function installEntry({ name, command }: CatalogEntry, { home }: { home: string }): Promise<void> {
  const words = command.map((word) => word.replaceAll(/\{\w+\}/g, 'none'))
  const env = environment(home)
  const { code, stderr } = await runApart(['package', 'install', '--', ...words], { env, cwd: tmpdir() })
  assert.equal(code, 0, `${name}: ${stderr}`)
}

function environment(home: string): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env
  const way = Object.entries(process.env).filter(([name]) => wayToRegistries.test(name))
  return { PATH, HOME, GLOVEBOX_HOME: home, LANG: 'C.UTF-8', ...compiledFor(), ...Object.fromEntries(way) }
}

/** What npm and pip need on a machine whose registries are behind a proxy or an authority of its own. */
const wayToRegistries =
  /^(npm_config_|PIP_|(https?|all|no)_proxy$|NODE_EXTRA_CA_CERTS$|SSL_CERT_(FILE|DIR)$|REQUESTS_CA_BUNDLE$)/i

/** What looks like a value to servers that check the form of theirs. */
const examples: Readonly<Record<string, string>> = {
  MDB_MCP_CONNECTION_STRING: 'mongodb://127.0.0.1:1/x',
  SLACK_TEAM_ID: 'T000',
  FIRECRAWL_API_KEY: 'fc-none',
  NOTION_TOKEN: 'ntn_none',
}

/** A cluster that nobody answers for. */
const kubeconfig = {
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [{ name: 'none', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'nobody', user: {} }],
  contexts: [{ name: 'none', context: { cluster: 'none', user: 'nobody' } }],
  'current-context': 'none',
}

function execFlags({ sandbox }: CatalogEntry): string[] {
  const limits = Object.entries(sandbox.limits ?? {}).flatMap(([key, value]) => [`--${key}`, String(value)])
  return [...limits, ...(sandbox.exec ?? []).flatMap((name) => ['--exec', name])]
}

function makePlaces(): { root: string; scratch: string; repository: string } {
  const root = mkdtempSync(path.join(tmpdir(), 'glovebox-catalog-'))
  const [scratch, repository] = [path.join(root, 'scratch'), path.join(root, 'repository')]
  mkdirSync(scratch)
  writeFileSync(path.join(scratch, 'a.txt'), 'a\n')
  writeFileSync(path.join(scratch, 'kubeconfig'), JSON.stringify(kubeconfig))
  spawnSync('git', ['init', '-q', '-b', 'main', repository])
  return { root, scratch, repository }
}
