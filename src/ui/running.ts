import type { RunningRecord } from '../runtime/running/record.ts'
import { styleFor } from './style.ts'
import { table } from './table.ts'
import { untrusted } from './untrusted.ts'

export function renderRunning(
  running: readonly RunningRecord[],
  { json, stream, now }: { json: boolean; stream: { readonly isTTY?: boolean }; now: number },
): string {
  if (json) {
    const sandboxes = running.map(({ id, server, driver, plan, command, pid, startedMs, socket, published }) => ({
      id,
      name: server,
      driver,
      plan,
      command,
      pid,
      startedMs,
      channel: socket !== null,
      published,
    }))
    return `${JSON.stringify({ schema: 'glovebox/status/1', sandboxes }, null, 2)}\n`
  }
  if (running.length === 0) return 'no sandbox is running\n'
  const style = styleFor(stream, process.env)
  const hasPorts = running.some(({ published }) => published.length > 0)
  const rows = running.map(({ id, server, driver, startedMs, pid, command, published }) => [
    untrusted(server),
    id,
    driver,
    ageOf(now - startedMs),
    String(pid),
    ...(hasPorts ? [published.map(formatPort).join(' ')] : []),
    cut(untrusted(command.join(' '))),
  ])
  const heads = ['name', 'id', 'driver', 'for', 'pid', ...(hasPorts ? ['ports'] : []), 'command']
  return `${table([heads.map(style.bold), ...rows])}\n`
}

/** `127.0.0.1:43125→3000`. */
function formatPort({ address, port, inside }: RunningRecord['published'][number]): string {
  return untrusted(`${address.includes(':') ? `[${address}]` : address}:${port}→${inside}`)
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
