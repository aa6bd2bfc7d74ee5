import { withPort } from '../protocol/endpoint.ts'
import type { EndedServer, ServerStatus } from '../protocol/daemon.ts'
import type { RunningRecord } from '../runtime/running/record.ts'
import { sizeOf } from './progress.ts'
import { styleFor, type Style } from './style.ts'
import { table } from './table.ts'
import { untrusted } from './untrusted.ts'

/** What runs now, and what of it the daemon owns. */
export interface Shown {
  readonly running: readonly (RunningRecord & { readonly memoryBytes: number | null })[]
  readonly servers: readonly ServerStatus[]
  readonly ended: readonly EndedServer[]
}

interface Options {
  readonly json: boolean
  readonly stream: { readonly isTTY?: boolean }
  readonly now: number
}

export function renderRunning(shown: Shown, { json, stream, now }: Options): string {
  if (json) return `${JSON.stringify(documentOf(shown), null, 2)}\n`
  const { running, servers, ended } = shown
  const style = styleFor(stream, process.env)
  const asleep = servers.filter(({ state }) => state !== 'running')
  const rows = [
    ...running
      .filter(({ spare }) => spare !== true)
      .map((record) =>
        rowOf(
          record,
          servers.find(({ id }) => id === record.id),
          now,
        ),
      ),
    ...asleep.map((server) => rowOfAsleep(server, style)),
  ]
  if (rows.length === 0 && ended.length === 0) return 'no sandbox is running\n'
  const hasPorts = rows.some(({ ports }) => ports !== '')
  const heads = ['name', 'id', 'driver', 'for', 'memory', 'calls', 'pid', ...(hasPorts ? ['ports'] : []), 'command']
  const cells = rows.map((row) => [
    row.name,
    row.id,
    row.driver,
    row.age,
    row.memory,
    row.calls,
    row.pid,
    ...(hasPorts ? [row.ports] : []),
    row.command,
  ])
  const lines = [
    ...(rows.length === 0 ? ['no sandbox is running'] : [table([heads.map(style.bold), ...cells])]),
    ...servers.flatMap((server) => notesOf(server, now).map(style.dim)),
    ...ended.map((server) =>
      style.bad(
        `${untrusted(server.name)} (${server.id}) ended${server.endedMs === null ? '' : ` ${ageOf(now - server.endedMs)} ago`}: ${untrusted(server.how).slice(0, 300)}`,
      ),
    ),
  ]
  return `${lines.join('\n')}\n`
}

interface Row {
  readonly name: string
  readonly id: string
  readonly driver: string
  readonly age: string
  readonly memory: string
  readonly calls: string
  readonly pid: string
  readonly ports: string
  readonly command: string
}

function rowOf(record: Shown['running'][number], server: ServerStatus | undefined, now: number): Row {
  const { memoryBytes } = record
  return {
    name: untrusted(record.server),
    id: record.id,
    driver: record.driver,
    age: ageOf(now - record.startedMs),
    memory: memoryBytes === null ? '-' : sizeOf(memoryBytes),
    calls: server === undefined ? '-' : String(server.calls),
    pid: String(record.pid),
    ports: record.published.map(formatPort).join(' '),
    command: cut(untrusted(record.command.join(' '))),
  }
}

/** Without a sandbox that its name means. */
function rowOfAsleep({ name, driver, state, calls, lifetime, why }: ServerStatus, style: Style): Row {
  const words = lifetime === 'call' ? 'a fresh sandbox for each call' : `${state}: ${why ?? ''}`
  const command = cut(untrusted(words))
  return {
    name: untrusted(name),
    id: '-',
    driver,
    age: '-',
    memory: '-',
    calls: String(calls),
    pid: '-',
    ports: '',
    command: state === 'failed' ? style.bad(command) : command,
  }
}

function notesOf({ name, pool, restarts, lastDenial }: ServerStatus, now: number): string[] {
  const about = untrusted(name)
  return [
    ...(pool.wanted > 0 ? [`${about}: ${pool.ready} of ${pool.wanted} in the pool`] : []),
    ...(restarts > 0 ? [`${about}: started again ${restarts === 1 ? 'once' : `${restarts} times`}`] : []),
    ...(lastDenial === null
      ? []
      : [
          `${about}: denied ${ageOf(now - lastDenial.atMs)} ago: ${untrusted(lastDenial.what)} (${untrusted(lastDenial.rule)})`,
        ]),
  ]
}

function documentOf({ running, servers, ended }: Shown): object {
  const sandboxes = running.map((record) => {
    const { id, server, driver, plan, command, pid, startedMs, socket, published, memoryBytes, spare = false } = record
    const about = { id, name: server, driver, plan, command, pid, startedMs, channel: socket !== null, published }
    return { ...about, memoryBytes, spare }
  })
  return { schema: 'glovebox/status/1', sandboxes, servers, ended }
}

/** `127.0.0.1:43125→3000`. */
function formatPort({ address, port, inside }: RunningRecord['published'][number]): string {
  return untrusted(`${withPort(address, port)}→${inside}`)
}

/** In the largest unit that says something. */
export function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 2 * 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 2 * 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

function cut(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}
