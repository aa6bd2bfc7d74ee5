'use strict'
const crypto = require('crypto')
const fs = require('fs')
const path = require('path')

/** Names the state of these files and directories by names, sizes and times: cheap enough for every start. */
function stateOf(paths, skip) {
  const hash = crypto.createHash('sha256')
  for (const file of paths) add(hash, file, skip || (() => false))
  return hash.digest('hex')
}

function add(hash, file, skip) {
  const stat = statOrNothing(file)
  if (stat === undefined || !stat.isDirectory()) {
    hash.update(stat === undefined ? file + ' absent\n' : file + ' ' + stat.size + ' ' + stat.mtimeMs + '\n')
    return
  }
  for (const name of fs.readdirSync(file).sort()) {
    if (!skip(name)) add(hash, path.join(file, name), skip)
  }
}

function statOrNothing(file) {
  try {
    return fs.statSync(file)
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR', 'EACCES'].includes(error.code)) throw error
    return undefined
  }
}

/** What the work that was done on this very state left behind, or undefined. */
function readStamp(stamp, state) {
  try {
    const left = JSON.parse(fs.readFileSync(stamp, 'utf8'))
    return left.state === state ? left : undefined
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
    return undefined
  }
}

function writeStamp(stamp, left) {
  fs.writeFileSync(stamp, JSON.stringify(left))
}

module.exports = { stateOf, statOrNothing, readStamp, writeStamp }
