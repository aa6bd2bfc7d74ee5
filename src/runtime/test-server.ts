import type { ServerSelf } from '../mcp/handshake.ts'
import { ownServer } from './own-server.ts'
import { placedStart, type PlacedFlags } from './placed-start.ts'
import { serve } from './served.ts'
import { passServerStderr } from './server-stderr.ts'
import { untilSignalled } from './signals.ts'

/** What a test of a server came to, stage by stage. The last stage is the one that failed, if one did. */
export interface Tested {
  readonly server: string
  readonly driver: string
  readonly stages: readonly { readonly stage: Stage; readonly ms: number; readonly ok: boolean }[]
  readonly self: ServerSelf | undefined
  readonly tools: number | undefined
  readonly error: Error | undefined
}

export type Stage = 'plan' | 'sandbox' | 'handshake' | 'tools' | 'stop'

/** Starts a server once and ends it again. What goes wrong is in the answer, with what went right before. */
export async function testServer(words: readonly string[], flags: PlacedFlags): Promise<Tested> {
  const stages: Tested['stages'][number][] = []
  let about = { server: words[0] ?? 'test', driver: flags.driver ?? 'jail' }
  let self: ServerSelf | undefined
  let tools: number | undefined
  let now: Stage = 'plan'
  let from = performance.now()
  const done = (next: Stage, ms: number = performance.now() - from): void => {
    stages.push({ stage: now, ms, ok: true })
    now = next
    from = performance.now()
  }
  try {
    const isOwn = words.length === 0 && flags.command === undefined
    const start = await placedStart(isOwn ? ownServer() : words, isOwn ? { name: 'glovebox-test', ...flags } : flags, {
      cwd: process.cwd(),
      env: process.env,
      verb: 'test',
    })
    about = { server: start.plan.server, driver: start.plan.driver }
    done('sandbox')
    await untilSignalled(async (signal) => {
      const served = await serve({
        ...start,
        env: process.env,
        signal,
        onStarted: () => done('handshake'),
        onStderr: passServerStderr,
      })
      try {
        self = served.self
        done('tools')
        tools = (await served.tools({ signal, timeMs: 60_000 })).length
        done('stop')
      } finally {
        await served.stop()
      }
      stages.push({ stage: now, ms: performance.now() - from, ok: true })
    })
    return { ...about, stages, self, tools, error: undefined }
  } catch (error) {
    stages.push({ stage: now, ms: performance.now() - from, ok: false })
    return { ...about, stages, self, tools, error: error instanceof Error ? error : new Error(String(error)) }
  }
}
