import assert from 'node:assert/strict'
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { Runner } from '../support/as-user.ts'
import { usualRunners } from '../support/as-user.ts'
import { unlessPresent } from '../support/requirement.ts'
import type { RealServer } from './servers/catalog.ts'
import { catalog } from './servers/catalog.ts'
import { installServers } from './servers/install.ts'
import type { Answers } from './servers/talk.ts'
import { talk } from './servers/talk.ts'

const installed = installServers()
const modules = 'directory' in installed ? path.join(installed.directory, 'node_modules') : ''
const missing = 'missing' in installed ? installed.missing : undefined

for (const runner of usualRunners()) {
  const unreadable = missing === undefined && !canRead(runner) ? `${runner.name} cannot read ${modules}` : undefined
  const skip = unlessPresent('NPM_SERVERS', missing) || (unreadable ?? false)

  for (const server of catalog) {
    test(`${server.name} is behind the wall what it is bare (${runner.name})`, { skip }, async () => {
      const bare = await talk(runner, ...bareCommand(runner, prepare(runner, server)))
      const walled = await talk(runner, ...walledCommand(runner, prepare(runner, server)))
      assert.equal(walled.initialize, bare.initialize)
      assert.deepEqual(walled.tools, bare.tools)
      assert.ok(toolNames(bare).length > 0, 'a server that offers nothing proves nothing')
      for (const [index, { tool, mask }] of server.calls.entries()) {
        const [one, other] = [bare, walled].map(({ calls }) => (calls[index] ?? '').replace(mask ?? /^$/, '[masked]'))
        assert.equal(other, one, tool)
      }
    })
  }
}

function canRead(runner: Runner): boolean {
  const look = "require('fs').accessSync(process.argv[1])"
  return runner.spawnSync(runner.node, ['-e', look, path.join(modules, catalog[0]?.entry ?? '')]).status === 0
}

interface Prepared extends RealServer {
  readonly directory: string
}

/** The directory as it is before each of the two runs, and the server's words with its path in them. */
function prepare(runner: Runner, server: RealServer): Prepared {
  const directory = path.join(runner.tmp, 'servers', server.name)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(path.join(directory, 'sub'), { recursive: true })
  writeFileSync(path.join(directory, 'notes.txt'), 'hello\nworld\n')
  writeFileSync(path.join(directory, 'bytes.bin'), Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)))
  for (const name of ['.', 'sub', 'notes.txt', 'bytes.bin'])
    chownSync(path.join(directory, name), runner.uid, runner.gid)
  const placed = JSON.parse(JSON.stringify(server).replaceAll(/"DIR(?=["/])/g, `"${directory}`)) as RealServer
  // JSON has no regular expressions.
  const calls = placed.calls.map((call, index) => ({ ...call, mask: server.calls[index]?.mask ?? /^$/ }))
  return { ...placed, calls, directory }
}

type Command = [command: readonly string[], env: Record<string, string>, calls: Prepared['calls']]

function bareCommand(runner: Runner, { entry, args, env, calls }: Prepared): Command {
  return [[runner.node, path.join(modules, entry), ...args], env, calls]
}

function walledCommand(runner: Runner, { name, entry, args, env, calls, writes, directory }: Prepared): Command {
  const variables = Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`])
  const access = writes ? ['--write', directory] : []
  const words = [runner.node, path.join(modules, entry), ...args]
  const glovebox = path.join(runner.root, 'bin/glovebox.cjs')
  return [[runner.node, glovebox, 'run', '--name', name, ...variables, ...access, '--', ...words], {}, calls]
}

function toolNames({ tools }: Answers): string[] {
  const pages = tools.map((line) => JSON.parse(line) as { result: { tools: { name: string }[] } })
  return pages.flatMap(({ result }) => result.tools.map(({ name }) => name))
}
