'use strict'
/*
 * What every npm script runs first: whatever a fresh clone needs in order to build, test and show itself.
 *
 *     node tools/setup.cjs [--yes] [--build=launcher|all|none] SCRIPT [ARGUMENTS]
 *
 * sets up, then runs SCRIPT with a Node that is new enough. Says nothing when there is nothing to do.
 * Of the Rust workspace it builds the launcher alone, all of it (the tests' and the benchmark's own programs), or nothing.
 * This file and tools/setup/ are in the syntax of Node 12, because the Node that starts them is the machine's own.
 */
const path = require('path')
const { fail, Unable } = require('./setup/say.cjs')
const { childEnvironment } = require('./setup/environment.cjs')
const { ensureNode } = require('./setup/node.cjs')
const { ensurePackages } = require('./setup/packages.cjs')
const { ensureNative } = require('./setup/native.cjs')
const { ensureMachines } = require('./setup/machines.cjs')
const { withLock } = require('./setup/lock.cjs')
const { runInstead } = require('./setup/run.cjs')

const root = path.resolve(__dirname, '..')

async function main(argv) {
  const yes = argv.includes('--yes')
  const build = (argv.find((word) => word.startsWith('--build=')) || '--build=launcher').slice('--build='.length)
  const [script, ...args] = argv.filter((word) => word !== '--yes' && !word.startsWith('--build='))
  const project = { root, yes, build, env: childEnvironment(root, process.env) }

  await withLock(root, async () => {
    await ensureNode(project)
    await ensurePackages(project)
    await ensureNative(project)
    await ensureMachines(project)
  })
  if (script !== undefined) await runInstead(project, [script].concat(args))
}

main(process.argv.slice(2)).catch((error) => {
  if (!(error instanceof Unable)) throw error
  fail(error)
})
