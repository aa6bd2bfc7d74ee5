import type { DaemonInfo, DaemonStopped } from '../protocol/daemon.ts'
import { ageOf } from './running.ts'

export function renderDaemon(info: DaemonInfo | undefined, { json }: { json: boolean }): string {
  if (json) {
    const { version = null, pid = null, startedMs = null, idleMs = null, servers = 0 } = info ?? {}
    return `${JSON.stringify({ schema: 'glovebox/daemon/1', running: info !== undefined, version, pid, startedMs, idleMs, servers })}\n`
  }
  if (info === undefined) return 'the daemon does not run; glovebox launch starts it\n'
  const { version, pid, startedMs, idleMs, servers } = info
  const owned = servers === 1 ? '1 server' : `${servers} servers`
  return `the daemon runs: version ${version}, process ${pid}, for ${ageOf(Date.now() - startedMs)}, owns ${owned}; with none it ends after ${ageOf(idleMs)}\n`
}

export function renderDaemonStopped(stopped: DaemonStopped, { json }: { json: boolean }): string {
  if (json) return `${JSON.stringify({ schema: 'glovebox/daemon-stop/1', ...stopped })}\n`
  if (!stopped.wasRunning) return 'the daemon did not run\n'
  const { servers } = stopped
  return servers.length === 0 ? 'the daemon has ended\n' : `the daemon has ended, with ${servers.join(', ')}\n`
}
