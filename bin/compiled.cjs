'use strict'
const {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} = require('node:fs')
const { createRequire } = require('node:module')
const path = require('node:path')
const { Script } = require('node:vm')

/*
 * A module with what V8 has compiled of it, kept once a server was started. Node's own cache has a function only if V8
 * compiled it before anything ran, which is the smaller part of what a start needs: the rest was compiled at each start anew.
 */

/**
 * Runs the module in `file` with what is kept in `directory`; undefined: nowhere. The file is one function of what a module of CommonJS is
 * given (tools/build.ts): a wrapper that were put around it here would be a second copy of all its source. `import()` does not work in it.
 * `user` is whoever runs it: another one runs other functions of it, and keeps those. `given` has what it requires that is nowhere in the
 * file system, by name, and answers undefined for the rest.
 * @returns its exports, and what keeps its compiled functions when there are none yet: to be called when a start has run,
 * and before V8's flags are changed
 */
function load(file, directory, { user, given = () => undefined }) {
  const source = readWithIdentity(file)
  const kept = directory && path.join(directory, `${path.basename(file)}-${user}-${process.version}-${process.arch}`)
  const cachedData = kept && read(kept, source.identity)
  const script = new Script(source.text, { filename: file, cachedData })
  const module = { exports: {} }
  const require = createRequire(file)
  const wanted = (name) => given(name) ?? require(name)
  script.runInThisContext()(module.exports, wanted, module, file, path.dirname(file))
  const isKept = cachedData !== undefined && script.cachedDataRejected === false
  return {
    exports: module.exports,
    keep: isKept || kept === undefined ? undefined : () => write(kept, source.identity, script),
  }
}

exports.load = load

/**
 * The parts of a bundle, by name (tools/packaging/two-parts.ts): each is loaded when it is first asked for, by us or by another one,
 * which asks for a module as "PART:MODULE".
 * @returns what gives the exports of a part; `onLoaded` is told of each what keeps its compiled functions, or undefined
 */
exports.loadParts = function loadParts(files, directory, { user, onLoaded = () => undefined }) {
  const loaded = {}
  return part

  function part(which) {
    if (loaded[which] !== undefined) return loaded[which]
    const { exports, keep } = load(files[which], directory, { user, given: moduleNamed })
    onLoaded(keep)
    return (loaded[which] = exports)
  }

  function moduleNamed(name) {
    const [which, module] = name.split(':', 2)
    return Object.hasOwn(files, which) ? part(which).modules[module]() : undefined
  }
}

/**
 * V8 compares no more of a source than its length; a file whose content is changed has another change time. It is ASCII
 * (tools/packaging/two-parts.ts sees to it), read in one piece, and not in small ones that are decoded.
 */
function readWithIdentity(file) {
  const fd = openSync(file, constants.O_RDONLY)
  try {
    const { dev, ino, size, ctimeNs } = fstatSync(fd, { bigint: true })
    return { text: readFileSync(fd).latin1Slice(), identity: Buffer.from(`${dev} ${ino} ${size} ${ctimeNs}\n`) }
  } finally {
    closeSync(fd)
  }
}

/** This is code that we run: nobody else may have written it. V8 itself refuses what another version or other flags made. */
function read(kept, identity) {
  let fd
  try {
    fd = openSync(kept, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile() || stat.uid !== process.getuid() || (stat.mode & 0o022) !== 0) return undefined
    const bytes = readFileSync(fd)
    return bytes.subarray(0, identity.length).equals(identity) ? bytes.subarray(identity.length) : undefined
  } catch {
    return undefined
  } finally {
    closeSync(fd)
  }
}

/** Whole or not at all, also when the machine goes down: half of it would be run. Without it a start is only slower. */
function write(kept, identity, script) {
  const fresh = `${kept}.${process.pid}`
  try {
    writeFileSync(fresh, Buffer.concat([identity, script.createCachedData()]), { mode: 0o600, flag: 'wx', flush: true })
    renameSync(fresh, kept)
  } catch {
    rmSync(fresh, { force: true })
  }
}
