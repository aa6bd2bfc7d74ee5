import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { GloveboxError } from '../errors.ts'
import type { DaemonFile } from '../protocol/daemon.ts'
import { ownDirectory } from '../runtime/running/own-directory.ts'
import { reapRunning } from '../runtime/running/list.ts'
import { onEndingSignals } from '../runtime/signals.ts'
import type { Places } from '../system/places.ts'
import { processState } from '../system/process-state.ts'
import { randomHex } from '../system/random-hex.ts'
import { writeWhole } from '../system/write-whole.ts'
import { version } from '../version.ts'
import { createFleet } from './fleet.ts'
import { listener } from './http.ts'
import { takeLock } from './lock.ts'
import { daemonPlaces } from './places.ts'
import { routes } from './routes.ts'
import { openState } from './state.ts'

export interface DaemonOptions {
  readonly places: Places
  /** With nothing to own for so long, it ends. */
  readonly idleMs: number
  /** It serves from now on. */
  readonly onReady: () => void
  readonly tell: (line: string) => void
}

export const alreadyRuns = 'the daemon of this user runs already'

/** The longest path of a socket's address (unix(7)), without its final zero. */
const maxSocketPath = 107

/**
 * Is the daemon of this user, until it is asked to end or has owned nothing for a while.
 * @throws GloveboxError FAILED when another one is
 */
export async function runDaemon({ places, idleMs: idleMsAtFirst, onReady, tell }: DaemonOptions): Promise<void> {
  const own = daemonPlaces(places)
  refuseLongPath(own.socket)
  // Sockets are made with the umask's mode before anybody can change it (unix(7)).
  process.umask(0o077)
  ownDirectory(places.runtime)
  const lock = takeLock(own.lock)
  if (lock === undefined) throw new GloveboxError('FAILED', alreadyRuns)
  const over = Promise.withResolvers<string>()
  const release = onEndingSignals((signal) => over.resolve(signal))
  const state = openState(own.state)
  const startedMs = Date.now()
  let idleMs = idleMsAtFirst
  let idling: NodeJS.Timeout | undefined
  try {
    const lost = state.begin()
    if (lost > 0) tell(`${lost} servers were running when the daemon before was killed; they ended with it`)
    reapRunning(places)
    const fleet = createFleet({ places, state, tell, onChange: waitForWork })
    const token = randomHex(32)
    const answer = routes({
      fleet,
      info: () => ({
        schema: 'glovebox/daemon/1',
        version,
        pid: process.pid,
        startedMs,
        idleMs,
        servers: fleet.size(),
      }),
      setIdle(ms) {
        idleMs = ms
        waitForWork()
      },
      stop(whenIdle) {
        const servers = fleet.list().servers.map(({ name }) => name)
        if (whenIdle && fleet.size() > 0) return { stopping: false, servers }
        // Behind this answer: what is under way is ended by `finally`.
        setImmediate(() => over.resolve('it was asked to'))
        return { stopping: true, servers }
      },
    })
    rmSync(own.socket, { force: true })
    const server = createServer(listener(token, answer, tell))
    await listenOn(server, own.socket)
    publish(own, token)
    try {
      tell(`glovebox ${version} serves as ${process.pid}`)
      onReady()
      waitForWork()
      tell(`it ends: ${await over.promise}`)
      rmSync(own.file, { force: true })
      rmSync(own.socket, { force: true })
      await fleet.close()
    } finally {
      await closed(server)
    }

    function waitForWork(): void {
      clearTimeout(idling)
      if (fleet.size() === 0) idling = setTimeout(() => over.resolve(`it owned nothing for ${idleMs / 1000} s`), idleMs)
    }
  } finally {
    clearTimeout(idling)
    release()
    state.close()
    lock.release()
  }
}

function refuseLongPath(socket: string): void {
  if (Buffer.byteLength(socket) <= maxSocketPath) return
  throw new GloveboxError('HOST_CANNOT', `${socket} is too long for the path of a socket`, {
    fix: 'set XDG_RUNTIME_DIR or GLOVEBOX_HOME to a directory with a shorter path',
  })
}

async function listenOn(server: Server, socket: string): Promise<void> {
  // Requests wait for servers that take their time: their own limits end them.
  server.requestTimeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socket, resolve)
  })
  chmodSync(socket, 0o600)
}

function publish({ file, socket }: ReturnType<typeof daemonPlaces>, token: string): void {
  const begun = processState(process.pid)?.begun ?? ''
  const about: DaemonFile = { schema: 'glovebox/daemon-file/1', pid: process.pid, begun, socket, token }
  writeWhole(file, `${JSON.stringify(about)}\n`)
}

async function closed(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
    // Whoever still follows a log has been told its end.
    setTimeout(() => server.closeAllConnections(), 500).unref()
  })
}
