'use strict'
const fs = require('fs')
const path = require('path')
const { run, ask } = require('./run.cjs')
const { step, Unable } = require('./say.cjs')
const { isWritable } = require('./environment.cjs')

async function ensurePackages(project) {
  await npmCi(project, project.root, 'npm packages')
}

/** Installs exactly what the lock file of `home` says, unless that has been done. No package runs a script. */
async function npmCi(project, home, title) {
  if (isInstalled(home)) return
  refuseOldNpm(project)
  if (!isWritable(home)) {
    throw new Unable(home + ' has no npm packages yet and cannot be written by this user.', [
      'Make a clone of your own, or run this once as the owner of this one.',
    ])
  }
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']
  await step(title, () =>
    run(project.npm[0], project.npm.slice(1).concat(args), { cwd: home, env: npmEnvironment(project) }),
  )
}

/**
 * npm ends an installation by writing what it installed into node_modules/.package-lock.json: with all that the lock
 * file asks for in there, by version and hash, there is nothing to do. Optional packages may be for other platforms.
 */
function isInstalled(home) {
  const wanted = packagesIn(path.join(home, 'package-lock.json'))
  const present = packagesIn(path.join(home, 'node_modules', '.package-lock.json'))
  return Object.keys(wanted).every((name) => {
    const [want, have] = [wanted[name], present[name]]
    // The project itself and its workspaces, which are linked and not installed.
    if (!name.startsWith('node_modules/') || want.link === true) return true
    return have === undefined
      ? want.optional === true
      : have.version === want.version && have.integrity === want.integrity
  })
}

function packagesIn(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')).packages
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    return {}
  }
}

/** Inside `npm test`, npm's variables point at the project of the outer npm: a nested one must find its own. */
function npmEnvironment(project) {
  const env = Object.assign({}, project.env)
  for (const name of ['npm_config_local_prefix', 'npm_package_json', 'npm_config_prefix', 'INIT_CWD']) delete env[name]
  return env
}

/** Lock files of version 3 are read by npm 7 and later; npm 6 would install something else without a word. */
function refuseOldNpm(project) {
  const version = ask(project.npm[0], project.npm.slice(1).concat('--version'), project.env)
  if (version === undefined)
    throw new Unable('npm does not run on this Node (' + process.version + ').', [
      'Install a Node that comes with its npm.',
    ])
  if (Number(version.split('.')[0]) < 7) {
    throw new Unable('npm ' + version + ' does not know the lock file of this project: npm 7 or newer is needed.', [
      'npm install -g npm@10',
    ])
  }
}

module.exports = { ensurePackages, npmCi, isInstalled }
