import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { splitWords } from '../../src/config/command-words.ts'
import { runners } from '../support/as-user.ts'
import { glovebox } from '../support/mcp-client.ts'
import { projectRoot } from '../support/readable-tree.ts'

/** The commands of a page, in its order. */
function commands(page: string): string[] {
  const text = readFileSync(path.join(projectRoot, 'docs', page), 'utf8')
  const blocks = [...text.matchAll(/^```console\n([^]*?)^```$/gm)].map(([, block = '']) => block)
  return blocks
    .flatMap((block) => block.split('\n').filter((line) => line.startsWith('$ glovebox ')))
    .map((line) => line.slice('$ glovebox '.length))
}

for (const runner of runners()) {
  test(`the commands of docs/CONFIGURATION.md do what they say, one after another (${runner.name})`, () => {
    const made = runner.spawnSync('sh', ['-c', 'mkdir -p project/notes && : > project/server.js'], { cwd: runner.home })
    assert.equal(made.status, 0, made.stderr)
    const lines = commands('CONFIGURATION.md')
    assert.ok(lines.length >= 8)
    for (const line of lines) {
      const [program, ...args] = glovebox(runner, splitWords(line))
      const { status, stderr } = runner.spawnSync(program, args, { cwd: path.join(runner.home, 'project') })
      assert.equal(status, 0, `${line}: ${stderr}`)
    }
    rmSync(path.join(runner.home, 'project'), { recursive: true })
  })

  test(`the queries of docs/audit.md can be asked (${runner.name})`, () => {
    const lines = commands('audit.md')
    assert.ok(lines.length >= 4)
    for (const line of lines) {
      const [program, ...args] = glovebox(runner, splitWords(line))
      const { status, stderr } = runner.spawnSync(program, args)
      assert.equal(status, 0, `${line}: ${stderr}`)
    }
  })
}
