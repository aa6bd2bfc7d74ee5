import { milliseconds } from './milliseconds.ts'
import type { LaunchReply, StopReply } from '../protocol/daemon.ts'
import { urlOf } from './published.ts'
import { untrusted } from './untrusted.ts'
import { renderSync } from './workspace.ts'

export function renderLaunched(
  { status, tools, took, fromPool, published }: LaunchReply,
  { json }: { json: boolean },
): string {
  if (json) {
    const [sandboxMs, handshakeMs, totalMs] = [took.sandboxMs, took.handshakeMs, took.totalMs].map(milliseconds)
    return `${JSON.stringify({ schema: 'glovebox/launch/1', ...status, tools, sandboxMs, handshakeMs, totalMs, fromPool, published }, null, 2)}\n`
  }
  const { name, id, driver, server, lifetime, pool } = status
  const how = fromPool ? 'out of the pool' : 'from nothing'
  const many = tools === 1 ? '1 tool' : `${tools} tools`
  const self =
    server === null ? '' : `, ${untrusted(server.name).slice(0, 60)} ${untrusted(server.version).slice(0, 30)}`
  const lines = [
    `${untrusted(name)} runs: ${id}, ${driver}, ${many}${self}, in ${Math.round(took.totalMs)} ms ${how}`,
    ...published.map((port) => `${urlOf(port)} → port ${port.inside}`),
    ...(lifetime === 'call' ? ['each call gets a fresh sandbox'] : []),
    ...(pool.wanted > 0 ? [`pool: ${pool.ready} of ${pool.wanted} ready, the rest is being started`] : []),
  ]
  return `${lines.join('\n')}\n`
}

/** What became of the workspaces of servers that were stopped, as their own terminal would have told it. */
export function renderTakenOver(stopped: StopReply['stopped']): string {
  const about = { json: false, earlier: false, question: false }
  return stopped
    .map(({ name, workspace }) => (workspace === null ? '' : renderSync(workspace, { ...about, server: name })))
    .join('')
}

export function renderStopped(stopped: StopReply['stopped'], { json }: { json: boolean }): string {
  if (json) return `${JSON.stringify({ schema: 'glovebox/stop/1', stopped })}\n`
  if (stopped.length === 0) return 'nothing was launched\n'
  const lines = stopped.map(({ name, id, unsynced }) => {
    const kept = unsynced ? '; not all that it did to its workspace was taken over: glovebox workspace list' : ''
    return `${untrusted(name)} (${id}) has ended${kept}`
  })
  return `${lines.join('\n')}\n`
}
