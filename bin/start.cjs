'use strict'
const { existsSync, statSync } = require('node:fs')
const { enableCompileCache } = require('node:module')
const path = require('node:path')
const { pathToFileURL } = require('node:url')

const cache = cacheDirectory(process.env)
if (cache !== undefined) enableCompileCache(cache)

void start()

async function start() {
  const { main } = await load()
  process.exitCode = await main(process.argv.slice(2))
}

/** A clone runs from its sources, also after a build; an installed package has only dist/. */
async function load() {
  const source = path.join(__dirname, '..', 'src', 'cli.ts')
  return existsSync(source) ? import(pathToFileURL(source).href) : require(built(process.argv[2]))
}

/** Clients wait for two verbs, which have a smaller file (tools/build.ts). */
function built(verb) {
  return verb === 'run' || verb === 'exec' ? '../dist/run.cjs' : '../dist/cli.cjs'
}

/**
 * Where compiled code is kept between runs. Node's default is below /tmp, where anybody could have put code for us
 * before our first start; so this is below our own home, and nowhere when that belongs to somebody else
 * (sudo with the user's HOME).
 */
function cacheDirectory(env) {
  const own = env.GLOVEBOX_HOME || env.XDG_CACHE_HOME || env.HOME
  if (!own || !path.isAbsolute(own)) return undefined
  if (ownerOf(own) !== process.getuid?.()) return undefined
  if (env.GLOVEBOX_HOME) return path.join(own, 'cache', 'compiled')
  return path.join(own, env.XDG_CACHE_HOME ? '' : '.cache', 'glovebox', 'compiled')
}

function ownerOf(directory) {
  try {
    return statSync(directory).uid
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(error.code)) return undefined
    throw error
  }
}
