'use strict'
const fs = require('fs')
const path = require('path')

/**
 * The environment of everything that set-up starts. npm and cargo keep caches in the home directory, which a user
 * without one (an id without a passwd entry, a home of somebody else's) cannot write: those get one under build/.
 */
function childEnvironment(root, own) {
  const env = Object.assign({}, own)
  if (!isWritable(own.HOME)) {
    env.HOME = path.join(root, 'build', 'home')
    env.npm_config_cache = path.join(env.HOME, '.npm')
    env.CARGO_HOME = path.join(env.HOME, '.cargo')
  }
  // One place for the launcher whatever the user's own cargo configuration says: src/system/native.ts looks there.
  env.CARGO_TARGET_DIR = path.join(root, 'native', 'target')
  return env
}

function isWritable(directory) {
  if (!directory) return false
  try {
    fs.accessSync(directory, fs.constants.W_OK | fs.constants.X_OK)
    return true
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EROFS'].includes(error.code)) return false
    throw error
  }
}

function prependPath(env, directory) {
  env.PATH = [directory].concat(env.PATH ? [env.PATH] : []).join(path.delimiter)
}

module.exports = { childEnvironment, isWritable, prependPath }
