'use strict'
const { subscribe } = require('node:diagnostics_channel')
const { existsSync, statSync } = require('node:fs')
const { constants, enableCompileCache } = require('node:module')
const path = require('node:path')
const { pathToFileURL } = require('node:url')

const { argv } = process
if (argv[2]?.startsWith('=')) argv.splice(2, argv.length, ...argv.slice(2).map((word) => word.slice(1)))
else refuseWhatNodeObeyed(argv.slice(2))

const [, , verb] = argv
const isStart = verb === 'run' || verb === 'exec'

const cache = cacheDirectory(process.env)
const kept = cache === undefined ? undefined : enableCompileCache(cache)

void start()

async function start() {
  const { main } = await load()
  process.exitCode = await main(argv.slice(2))
}

/** Started as `node …/glovebox.cjs WORDS`: Node has obeyed these before us (glovebox.cjs says why), and going on would hide that. */
function refuseWhatNodeObeyed(words) {
  const dashes = words.indexOf('--')
  const ours = dashes < 0 ? words.length : dashes
  const obeyed = words.find((word, at) =>
    at < ours
      ? /^--(env-file(-if-exists)?|experimental-(default-)?config-file)(=|$)/.test(word)
      : /^--experimental-(default-)?config-file(=|$)/.test(word),
  )
  if (obeyed === undefined) return
  process.stderr.write(
    `glovebox: Node itself has read ${obeyed.replace(/=.*/s, '')}, before us: what that file says to Node has happened outside of any sandbox\n` +
      `  fix: start ${path.join(__dirname, 'glovebox.cjs')} by itself, without "node" before it\n`,
  )
  process.exit(2)
}

/** A clone runs from its sources, also after a build; an installed package has only dist/. */
async function load() {
  const source = path.join(__dirname, '..', 'src', 'cli.ts')
  if (existsSync(source)) return import(pathToFileURL(source).href)
  if (!isStart) return require('../dist/cli.cjs')
  // Clients wait for these two verbs: they are in files of their own, of which few starts need the second.
  const dist = path.join(__dirname, '..', 'dist')
  const files = { start: path.join(dist, 'run.cjs'), more: path.join(dist, 'run-more.cjs') }
  // Elsewhere when the user has a cache of their own for all of Node, which need not be private.
  const directory = kept?.status === constants.compileCacheStatus.ENABLED ? kept.directory : undefined
  const onLoaded = (keep) => keep !== undefined && subscribe('glovebox:started', keep)
  return require('./compiled.cjs').loadParts(files, directory, { user: userOf(argv.slice(2)), onLoaded })('start')
}

/**
 * What runs decides which functions are worth keeping: `run`, `exec` with a sandbox of its own, or in one that runs (`exec NAME -- …`).
 * Where options hide which of the two it is, a start takes what is kept for the other one, and some milliseconds longer.
 */
function userOf(words) {
  const dashes = words.indexOf('--')
  // Not of an option, nor the value of one.
  const isName = dashes > 1 && words.slice(dashes - 2, dashes).every((word) => !word.startsWith('-'))
  return words[0] === 'exec' && isName ? 'exec-inside' : words[0]
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
