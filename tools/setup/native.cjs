'use strict'
const path = require('path')
const { prependPath, isWritable } = require('./environment.cjs')
const { run } = require('./run.cjs')
const { findRust, oldest } = require('./rust.cjs')
const { step, Unable } = require('./say.cjs')
const { stateOf, statOrNothing, readStamp, writeStamp } = require('./stamp.cjs')
const { missingForLinking, installOrTell } = require('./system.cjs')

const selections = { launcher: ['--package', 'glovebox-inside'], all: ['--workspace'] }

/** Builds native/target/release/glovebox-inside, and with `--build=all` the rest, unless they are what these sources gave. */
async function ensureNative(project) {
  if (process.platform !== 'linux') return
  const native = path.join(project.root, 'native')
  const release = path.join(native, 'target', 'release')
  const binary = path.join(release, 'glovebox-inside')
  const stamp = path.join(release, '.glovebox-setup')
  const state = () => stateOf([native, binary], (name) => name === 'target')

  const done = readStamp(stamp, state())
  if (done !== undefined && (done.built === 'all' || done.built === project.build || project.build === 'none')) {
    // What root built with a Rust of its own is there for everybody, that Rust is not.
    if (statOrNothing(done.cargo) !== undefined) useRust(project, done)
    return
  }
  // Somebody else's clone that we may only read: what its owner built is what there is.
  if (!isWritable(native)) {
    if (statOrNothing(binary) !== undefined) return
    throw new Unable(native + ' has not been built and cannot be written by this user.', [
      'Make a clone of your own, or run this once as the owner of this one.',
    ])
  }
  const rust = await obtainRust(project)
  useRust(project, rust)
  if (project.build === 'none') return
  await build(project, native)
  writeStamp(stamp, { state: state(), built: project.build, cargo: rust.cargo, rustc: rust.rustc })
}

async function obtainRust(project) {
  const known = findRust(project.env)
  const rust = known.cargo === undefined ? ['Rust ' + oldest.join('.') + ' or newer (cargo, rustc)'] : []
  const missing = rust.concat(missingForLinking(project.env))
  if (missing.length === 0) return known
  await installOrTell(project, missing, known.seen || [])
  const found = findRust(project.env)
  if (found.cargo === undefined) throw new Unable('No usable Rust after the installation: ' + found.seen.join('; '))
  return found
}

/** Scripts that follow find the same toolchain by plain `cargo` where it has its plain name, else by these variables. */
function useRust(project, { cargo, rustc }) {
  project.env.CARGO = cargo
  if (path.basename(rustc) !== 'rustc') project.env.RUSTC = rustc
  const directory = path.dirname(cargo)
  if (!(project.env.PATH || '').split(path.delimiter).includes(directory)) prependPath(project.env, directory)
}

async function build(project, native) {
  const args = ['build', '--release', '--locked'].concat(selections[project.build])
  await step('glovebox-inside (Rust)', () => run(project.env.CARGO, args, { cwd: native, env: project.env }))
}

module.exports = { ensureNative }
