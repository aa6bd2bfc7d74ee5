import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync, chmodSync, chownSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { usualRunners } from '../../support/as-user.ts'
import { examplesOf, matchesShown, stepsOf } from '../../support/docs/pages.ts'
import { running } from '../../support/running.ts'

const own = 'test/e2e/inside/page.test.ts'
const examples = examplesOf('docs/sandboxes.md').filter(({ fate }) => fate.kind === 'elsewhere' && fate.file === own)

for (const runner of usualRunners()) {
  test(`what docs/sandboxes.md shows is what happens (${runner.name})`, async (t) => {
    assert.ok(examples.length >= 4)
    await running(t, runner, { name: 'files' })
    const [bin, project, notes] = ['bin', 'project', 'project/notes'].map((name) => path.join(runner.home, name))
    for (const directory of [bin, project, notes]) {
      mkdirSync(directory ?? '')
      chownSync(directory ?? '', runner.uid, runner.gid)
    }
    writeFileSync(path.join(notes ?? '', 'today.md'), 'a note\n')
    const program = path.join(bin ?? '', 'glovebox')
    writeFileSync(program, `#!/bin/sh\nexec "${runner.node}" "${runner.root}/bin/glovebox.cjs" "$@"\n`)
    chmodSync(program, 0o755)
    for (const step of examples.flatMap(stepsOf)) {
      const script = `PATH=${bin}:$PATH; ${step.command}`
      const { status, stdout, stderr } = runner.spawnSync('sh', ['-c', script], { cwd: project ?? '' })
      assert.equal(status, 0, `${step.command}: ${stderr}`)
      if (step.output !== undefined) assert.ok(matchesShown(step.output, stdout), stdout)
    }
  })
}
