import { closeSync, existsSync, lstatSync, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { GloveboxError, messageOf } from '../errors.ts'
import { packageRoot } from '../package-root.ts'
import { parseDaemonFile, type DaemonStopped } from '../protocol/daemon.ts'
import { ownDirectory } from '../runtime/running/own-directory.ts'
import { makeDirectory } from '../system/make-directory.ts'
import { places as placesOf, type Places } from '../system/places.ts'
import { processState } from '../system/process-state.ts'
import { spawnDetached } from '../system/spawn-detached.ts'
import { version } from '../version.ts'
import { clientOf, type DaemonClient } from './client.ts'
import { daemonEnvironment } from './environment.ts'
import { takeLock } from './lock.ts'
import { pause } from './pause.ts'
import { daemonPlaces } from './places.ts'

/** A start takes a fraction of a second; one that has to wait for another daemon's end, some. */
const patienceMs = 20_000
/** `daemon.log` and one more of this size. */
const maxLogBytes = 1024 ** 2

/** The daemon that runs, of whatever version; undefined where none does. */
export async function findDaemon(places: Places): Promise<{ client: DaemonClient; version: string } | undefined> {
  const file = readDaemonFile(places)
  if (file === undefined) {
    removeLeftovers(places)
    return undefined
  }
  const client = clientOf(file)
  try {
    const info = await client.info()
    return { client, version: info.version }
  } catch (error) {
    // Killed, or ended between the look and the question.
    if (error instanceof GloveboxError && error.code === 'CHANNEL_LOST') return undefined
    throw error
  }
}

/** The same, of our own version. @throws GloveboxError FAILED naming the fix */
export async function findOwnDaemon(places: Places): Promise<DaemonClient | undefined> {
  const found = await findDaemon(places)
  if (found !== undefined && found.version !== version) throw otherVersion(found.version)
  return found?.client
}

/**
 * The daemon of this user and version, started where there is none. One of another version that owns nothing is asked to end.
 * @throws GloveboxError FAILED when it does not start, or when one of another version is in use
 */
export async function ensureDaemon(env: NodeJS.ProcessEnv, idle?: string): Promise<DaemonClient> {
  const places = placesOf(env)
  const deadline = AbortSignal.timeout(patienceMs)
  for (let said = ''; !deadline.aborted; await pause(50, deadline)) {
    const found = await findDaemon(places)
    if (found?.version === version) return found.client
    if (found !== undefined) {
      const { stopping } = await found.client.stopDaemon({ whenIdle: true })
      if (!stopping) throw otherVersion(found.version)
      continue
    }
    said = await start(places, env, idle)
    // Another one that was started at the same time has won, or one is just ending: looked for again.
    if (said !== 'ready\n' && said !== 'taken\n') throw notStarted(said, places)
  }
  throw notStarted('it does not answer', places)
}

/** Ends it, of whatever version, and returns when its process is gone. */
export async function stopDaemon(places: Places): Promise<DaemonStopped> {
  const found = await findDaemon(places)
  if (found === undefined) return { wasRunning: false, servers: [], stopped: [] }
  const { client } = found
  const begun = processState(client.pid)?.begun
  // Before it ends, so that what became of their workspaces can be told. One of another version ends them with itself.
  const { stopped } = found.version === version ? await client.stopAll() : { stopped: [] }
  const { servers } = await client.stopDaemon({ whenIdle: false })
  const patience = AbortSignal.timeout(patienceMs)
  const isThere = (): boolean => begun !== undefined && processState(client.pid)?.begun === begun
  while (isThere() && !patience.aborted) await pause(10, patience)
  if (patience.aborted) {
    throw new GloveboxError('FAILED', `the daemon (process ${client.pid}) does not end`, {
      fix: `kill ${client.pid}: its sandboxes end with it`,
    })
  }
  return { wasRunning: true, servers: [...new Set([...stopped.map(({ name }) => name), ...servers])], stopped }
}

/** Of a daemon that was killed. One that is just being started has the lock, and keeps its files. */
function removeLeftovers(places: Places): void {
  const { file, socket, lock: path } = daemonPlaces(places)
  if (!existsSync(file) && !existsSync(socket)) return
  // Below /tmp it may be somebody else's, or a link: nothing is opened, made or removed there then.
  ownDirectory(places.runtime)
  const lock = takeLock(path)
  if (lock === undefined) return
  for (const each of [file, socket]) rmSync(each, { force: true })
  lock.release()
}

function readDaemonFile(places: Places): ReturnType<typeof parseDaemonFile> {
  const { file } = daemonPlaces(places)
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return undefined
  // What is said to the socket that it names may be secrets: the directory must be ours alone.
  ownDirectory(places.runtime)
  try {
    const about = parseDaemonFile(readFileSync(file, 'utf8'))
    return about !== undefined && processState(about.pid)?.begun === about.begun ? about : undefined
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

async function start(places: Places, env: NodeJS.ProcessEnv, idle: string | undefined): Promise<string> {
  const above = dirname(places.runtime)
  makeDirectory(above)
  ownDirectory(places.runtime)
  const output = openLog(daemonPlaces(places).log)
  try {
    const words = [join(packageRoot(), 'bin', 'glovebox.cjs'), 'daemon', 'start', '--foreground', '--ready-fd', '3']
    return await spawnDetached(process.execPath, [...words, ...(idle === undefined ? [] : ['--idle', idle])], {
      env: daemonEnvironment(env),
      output,
      signal: AbortSignal.timeout(patienceMs),
    })
  } catch (cause) {
    throw notStarted(messageOf(cause), places)
  } finally {
    closeSync(output)
  }
}

/** Each daemon begins where the one before ended; a file that has become long is put aside. */
function openLog(path: string): number {
  makeDirectory(dirname(path))
  const before = statSync(path, { throwIfNoEntry: false })
  if (before !== undefined && before.size > maxLogBytes) renameSync(path, `${path}.1`)
  return openSync(path, 'a', 0o600)
}

function otherVersion(theirs: string): GloveboxError {
  return new GloveboxError('FAILED', `the daemon is of version ${theirs}, and this is ${version}`, {
    fix: 'its servers end with it: glovebox daemon stop, then do this again',
  })
}

function notStarted(said: string, places: Places): GloveboxError {
  return new GloveboxError('FAILED', `the daemon did not start: ${said.trim() || 'it ended without a word'}`, {
    fix: `see ${daemonPlaces(places).log}`,
  })
}
