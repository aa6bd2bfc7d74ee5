import assert from 'node:assert/strict'
import { chmodSync, chownSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { usualRunners } from '../../support/as-user.ts'
import { examplesOf, matchesShown, stepsOf } from '../../support/docs/pages.ts'
import { household } from '../../support/launching.ts'

const own = 'test/e2e/daemon/page.test.ts'
const examples = examplesOf('docs/daemon.md').filter(({ fate }) => fate.kind === 'elsewhere' && fate.file === own)

for (const runner of usualRunners()) {
  test(`what docs/daemon.md shows is what happens (${runner.name})`, (t) => {
    assert.ok(examples.length >= 4)
    const house = household(t, runner)
    const [bin, project] = ['bin', 'project'].map((name) => path.join(house.home, name))
    assert.ok(bin !== undefined && project !== undefined)
    for (const directory of [bin, project]) mkdirSync(directory)
    for (const name of ['tiny-server.mjs', 'moody-server.mjs']) {
      copyFileSync(path.join(runner.root, 'test/fixtures', name), path.join(project, name))
    }
    const program = path.join(bin, 'glovebox')
    writeFileSync(program, `#!/bin/sh\nexec "${runner.node}" "${runner.root}/bin/glovebox.cjs" "$@"\n`)
    chmodSync(program, 0o755)
    chownSync(project, runner.uid, runner.gid)
    const variables = Object.entries({ ...house.env, PATH: `${bin}:${house.env['PATH']}` })
    for (const step of examples.flatMap(stepsOf)) {
      const words = ['-i', ...variables.map(([name, value]) => `${name}=${value}`), 'sh', '-c', step.command]
      const { status, stdout, stderr } = runner.spawnSync('env', words, { cwd: project })
      assert.equal(status, 0, `${step.command}: ${stderr}`)
      if (step.output !== undefined) assert.ok(matchesShown(step.output, stdout), stdout)
    }
  })
}
