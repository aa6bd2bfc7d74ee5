import { GloveboxError } from '../errors.ts'
import { createMcpConnection, type Answer, type JsonObject, type RequestOptions } from '../mcp/connection.ts'
import { shakeHands, type ServerSelf } from '../mcp/handshake.ts'
import { callTool, listTools, type Tool } from '../mcp/tools.ts'
import { waitedBy } from '../system/patience.ts'
import { attend, type Attended, type AttendOptions } from './attended.ts'
import type { Take } from './pass-on.ts'

/** A server behind the wall and the guard, whose client we are ourselves. */
export interface Served extends Pick<
  Attended,
  'startedMs' | 'lastDenial' | 'leaving' | 'ended' | 'stop' | 'discard' | 'published'
> {
  readonly id: string
  readonly pid: number
  readonly self: ServerSelf
  /** From the beginning of the start to the program, and to the answer to the handshake. */
  readonly took: { readonly sandboxMs: number; readonly handshakeMs: number }
  readonly calls: () => number
  tools(options?: RequestOptions): Promise<Tool[]>
  /** How many it had when that was first asked. */
  countTools(options?: RequestOptions): Promise<number>
  call(tool: string, args: JsonObject, options?: RequestOptions): Promise<Answer>
  /** It waited ahead of need, and is found by its name from now on. */
  handOut(): void
}

/** Who shook hands with it has its words on stderr, or adds where they are. */
const noServer = 'what is no MCP server is started by glovebox exec'

/** How long a server may take until it has answered the handshake, where nobody says otherwise. */
const usualHandshakeMs = 60_000
/** How long it may take to list its tools for the first time. */
const listMs = 60_000

/** Lines for who takes them; those that come while one waits for room are in the record alone, so that none pile up. */
function unlessWaiting(take: Take): (line: string) => void {
  let isWaiting = false
  return (line) => {
    if (isWaiting) return
    const room = take(Buffer.from(`${line}\n`), () => undefined)
    if (room === undefined) return
    isWaiting = true
    void room.finally(() => (isWaiting = false))
  }
}

/**
 * Starts a server and shakes hands with it.
 * @throws GloveboxError when it does not start or does not answer; nothing of it is left then
 */
export async function serve(options: AttendOptions): Promise<Served> {
  const { signal, handshakeMs = usualHandshakeMs } = options
  const from = performance.now()
  const connection = createMcpConnection()
  // Nobody else reads its stdout: what it says there to people, as a usage, would be seen in the record alone.
  const onStray = unlessWaiting(options.onStderr)
  const attended = await attend(
    { ...options, onStray },
    {
      streams: connection.streams,
      endInput: () => connection.endInput(),
      onGone: (why) => connection.end(why),
    },
  )
  const { sandbox, sandboxMs, startedMs, lastDenial, leaving, ended, published } = attended
  // Of what is started for somebody, not of a call: whoever calls has said how long they wait.
  const waited = waitedBy(sandbox.wall.pid)
  let calls = 0
  let count: number | undefined
  try {
    const self = await shakeHandsOrTell()
    return {
      id: sandbox.id,
      pid: sandbox.wall.pid,
      self,
      startedMs,
      took: { sandboxMs, handshakeMs: performance.now() - from },
      calls: () => calls,
      lastDenial,
      tools: async (asked) => listTools(connection, self, asked),
      countTools: async (asked) =>
        (count ??= (await listTools(connection, self, { timeMs: listMs, waited, ...asked })).length),
      call: async (name, args, asked) => {
        calls++
        return callTool(connection, self, { name, args }, asked)
      },
      leaving,
      ended,
      stop: async () => attended.stop(),
      discard: async () => attended.discard(),
      handOut: () => sandbox.announce(),
      published,
    }
  } catch (error) {
    await attended.discard()
    throw attended.redacted(error)
  }

  /** A server that ends instead of answering is told as that. */
  async function shakeHandsOrTell(): Promise<ServerSelf> {
    let hasEnded = false
    const noteEnd = (): void => void (hasEnded = true)
    sandbox.wall.exit.then(noteEnd, noteEnd)
    try {
      return await shakeHands(connection, { timeMs: handshakeMs, waited, signal })
    } catch (error) {
      // Its requests were answered for it when it had ended.
      if (!hasEnded || signal.aborted) throw error
      const { why } = await ended
      throw new GloveboxError('NOT_STARTED', why, {
        cause: error,
        fix: noServer,
      })
    }
  }
}
