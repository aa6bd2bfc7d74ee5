'use strict'
/*
 * What every npm script runs first: whatever a fresh clone needs in order to build, test and show itself.
 *
 *     node tools/setup.cjs [--yes] [--without-build] SCRIPT [ARGUMENTS]
 *
 * sets up (the toolchains only, with --without-build), then runs SCRIPT with a Node that is new enough. Says nothing when there is nothing to do.
 * This file and tools/setup/ are in the syntax of Node 12, because the Node that starts them is the machine's own.
 */
const path = require('path')
const { fail, Unable } = require('./setup/say.cjs')
const { childEnvironment } = require('./setup/environment.cjs')
const { ensureNode } = require('./setup/node.cjs')
const { ensurePackages } = require('./setup/packages.cjs')
const { ensureNative } = require('./setup/native.cjs')
const { withLock } = require('./setup/lock.cjs')
const { runInstead } = require('./setup/run.cjs')

const root = path.resolve(__dirname, '..')

async function main(argv) {
  const yes = argv.includes('--yes')
  const withoutBuild = argv.includes('--without-build')
  const [script, ...args] = argv.filter((word) => word !== '--yes' && word !== '--without-build')
  const project = { root, yes, withoutBuild, env: childEnvironment(root, process.env) }

  await withLock(root, async () => {
    await ensureNode(project)
    await ensurePackages(project)
    await ensureNative(project)
  })
  if (script !== undefined) await runInstead(project, [script].concat(args))
}

main(process.argv.slice(2)).catch((error) => {
  if (!(error instanceof Unable)) throw error
  fail(error)
})
