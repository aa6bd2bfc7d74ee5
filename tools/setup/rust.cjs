'use strict'
const fs = require('fs')
const path = require('path')
const { ask } = require('./run.cjs')
const { statOrNothing } = require('./stamp.cjs')

/** `rust-version` of native/Cargo.toml. */
const oldest = [1, 75]

/**
 * Finds a cargo and a rustc of one toolchain that are new enough: on PATH, where rustup puts them, where a
 * distribution puts them, also under the versioned names that Debian and Ubuntu give to newer ones beside their own.
 * The answer is `{ cargo, rustc }`, or `{ seen }`: what is there and why it will not do.
 */
function findRust(env) {
  const seen = []
  for (const directory of directories(env)) {
    for (const suffix of suffixes(directory, seen)) {
      const cargo = path.join(directory, 'cargo' + suffix)
      const rustc = path.join(directory, 'rustc' + suffix)
      if (!statOrNothing(cargo) || !statOrNothing(rustc)) continue
      const version = ask(rustc, ['--version'], env)
      if (version === undefined || ask(cargo, ['--version'], env) === undefined) seen.push(cargo + ' does not run')
      else if (isNewEnough(version)) return { cargo, rustc }
      else seen.push(rustc + ' is ' + version + ', older than ' + oldest.join('.'))
    }
  }
  return { seen }
}

function directories(env) {
  const places = (env.PATH || '').split(path.delimiter)
  if (env.CARGO_HOME) places.push(path.join(env.CARGO_HOME, 'bin'))
  if (env.HOME) places.push(path.join(env.HOME, '.cargo', 'bin'))
  places.push('/root/.cargo/bin', '/usr/local/bin', '/usr/bin')
  return places.filter((place, index) => path.isAbsolute(place) && places.indexOf(place) === index)
}

/** `''` first, then `-1.85` and the like, newest first. */
function suffixes(directory, seen) {
  let names
  try {
    names = fs.readdirSync(directory)
  } catch (error) {
    if (error.code === 'EACCES') seen.push(directory + ' cannot be read by this user')
    else if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
    return []
  }
  const versioned = names.filter((name) => /^cargo-\d+\.\d+$/.test(name)).map((name) => name.slice('cargo'.length))
  return [''].concat(versioned.sort((a, b) => Number(b.split('.')[1]) - Number(a.split('.')[1])))
}

function isNewEnough(text) {
  const [major, minor] = /(\d+)\.(\d+)/.exec(text).slice(1).map(Number)
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1])
}

module.exports = { findRust, oldest }
