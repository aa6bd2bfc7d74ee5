import type { Writable } from 'node:stream'
import { openAudit } from '../audit/audit-log.ts'
import type { Driver, Exit } from '../drivers/driver.ts'
import { exitCodes } from '../errors.ts'
import type { Secrets } from '../egress/secrets/secrets.ts'
import type { AskDesk, Keeper } from '../guard/ask-desk.ts'
import type { Plan } from '../policy/plan.ts'
import type { Recorder } from '../protocol/facts.ts'
import { isUnsynced } from '../protocol/workspace.ts'
import { renderEnded } from '../ui/ended.ts'
import { renderPublished } from '../ui/published.ts'
import { places } from '../system/places.ts'
import { staySmall } from '../system/stay-small.ts'
import { hasUntaken, whileTaken, type WhileTaken } from '../system/while-taken.ts'
import { writeStderr } from '../system/write-stderr.ts'
import { clientStreams } from './client-streams.ts'
import { exitCodeOf } from './exit-code.ts'
import { attachClient, whyGone } from './guarded.ts'
import { Interrupted } from './interrupted.ts'
import { recorderFor } from './recorder.ts'
import { giveReceipt } from './receipt-file.ts'
import { newSandboxId, startSandbox, type Sandbox } from './sandbox.ts'
import { passServerStderr } from './server-stderr.ts'
import { onEndingSignals } from './signals.ts'
import { untilAnswered } from './until-answered.ts'

/** How long a server may take to end after its input has ended, or after a polite signal. */
const graceMs = 2000

export interface ServerOptions {
  readonly plan: Plan
  readonly driver: Driver
  readonly verify: (() => Promise<void>) | undefined
  readonly receipt: string | undefined
  /** What is told on the way is for programs. */
  readonly json?: boolean
  readonly requestTimeMs: number | undefined
  /** Where an "always" is written down; undefined for a command that no configuration has. */
  readonly keeper?: Keeper | undefined
  /** Those of the plan, with their values; undefined where it has none. */
  readonly secrets?: Secrets | undefined
}

/**
 * `run`: a server behind the wall, with the guard between it and our own stdin and stdout. The sandbox lives as long as
 * the connection. Returns the exit code: the server's own, 0 when the client ended the conversation and the server had to be ended.
 */
export async function runServer(options: ServerOptions): Promise<number> {
  const { plan, driver, verify } = options
  const id = newSandboxId()
  const audit = openAudit({ directory: places(process.env).audit, sandbox: id, server: plan.server })
  const interrupted = new AbortController()
  const release = onEndingSignals((signal) => interrupted.abort(new Interrupted(signal)))
  try {
    const record = recorderFor(audit.record, options.secrets)
    const desk = await deskFor(options, record)
    const sandbox = await startSandbox({
      desk,
      id,
      plan,
      driver,
      record,
      stdio: 'pipe',
      signal: interrupted.signal,
      verify,
      secrets: options.secrets,
      json: options.json === true,
      onPublished: (ports) =>
        void process.stderr.write(
          renderPublished(ports, { json: options.json === true, sandbox: id, server: plan.server }),
        ),
    })
    await giveReceipt(sandbox, options.receipt, options.json === true)
    staySmall()
    return await converse(sandbox, record, { ...options, desk }, interrupted.signal)
  } catch (error) {
    if (error instanceof Interrupted) return error.exitCode
    throw error
  } finally {
    release()
    audit.close()
  }
}

/** Where a policy has people asked. */
export async function deskFor(
  { plan, keeper }: Pick<ServerOptions, 'plan' | 'keeper'>,
  record: Recorder,
): Promise<AskDesk | undefined> {
  if (plan.network?.ask !== true) return undefined
  const { createAskDesk } = await import('../guard/ask-desk.ts')
  const tell = (line: string): void => void process.stderr.write(`glovebox: ${line}\n`)
  return createAskDesk({ server: plan.server, record, keeper, tell })
}

/** From the first message to the last process. Whatever happens in between, nothing of the sandbox is left at the end. */
async function converse(
  sandbox: Sandbox,
  record: Recorder,
  options: ServerOptions & { readonly desk: AskDesk | undefined },
  interrupted: AbortSignal,
): Promise<number> {
  const client = clientStreams()
  try {
    const { pipe, heard, spoke } = await attachClient(sandbox, {
      ...options,
      secrets: options.secrets,
      record,
      client: {
        clientIn: client.input,
        clientOut: client.output,
        whileTaken: whileTaken(client.output, { signal: interrupted }),
      },
      onStderr: passServerStderr,
    })
    const first = await Promise.race([
      pipe.ended.then(({ side }) => side),
      sandbox.wall.exit.then(() => 'server' as const),
      interruption(interrupted),
    ])
    if (first === 'client') {
      const over = Promise.race([sandbox.wall.exit, interruption(interrupted)])
      await untilAnswered(pipe, { over, hasUntaken: () => hasUntaken(client.output), graceMs })
    }
    let endedItself = false
    if (first === 'interrupted') await sandbox.wall.stop(graceMs)
    else endedItself = await endPolitely(sandbox, pipe.whileTaken)
    const isMute = first === 'server' && !endedItself
    const exit = await sandbox.wall.exit
    await pipe.whileTaken(pipe.serverEnded, graceMs)
    await pipe.serverGone(whyGone(sandbox, exit, isMute), graceMs)
    await Promise.race([heard(graceMs), interruption(interrupted)])
    // Nobody waits for an answer any more while changes are taken over.
    await sandbox.exit
    tellUser(sandbox, exit, { spoke: spoke(), json: options.json === true })
    if (interrupted.aborted) throw interrupted.reason
    const isIncomplete = tellUntaken(client.output) || isUnsynced(sandbox.synced())
    const isOurs = first === 'client' && !endedItself
    return (isOurs ? exitCodes.ok : exitCodeOf(exit)) || (isIncomplete ? exitCodes.failed : exitCodes.ok)
  } finally {
    await sandbox.wall.stop(0)
    client.input.destroy()
    // What a client that does not read has not taken by now would keep us alive for ever.
    client.output.destroy()
  }
}

export function interruption(signal: AbortSignal): Promise<'interrupted'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('interrupted')
    else signal.addEventListener('abort', () => resolve('interrupted'), { once: true })
  })
}

/**
 * One side has closed: the client, which the server was told by the end of its input, or the server itself.
 * It gets some time to finish, more while the client reads what it has said; a server that talks to nobody any more is not kept.
 * Returns whether it ended by itself.
 */
async function endPolitely({ wall }: Sandbox, patience: WhileTaken): Promise<boolean> {
  if (await patience(wall.exit, graceMs)) return true
  await wall.stop(graceMs)
  return false
}

/** A client that has not read what came before does not keep us waiting at the end. */
function tell(line: string): void {
  void writeStderr(Buffer.from(line))
}

/** Whether a client that is still there has not read all that it was sent; says so. */
export function tellUntaken(output: Writable): boolean {
  if (!hasUntaken(output)) return false
  tell(`glovebox: the client read nothing for ${graceMs / 1000} s: the end of what it was sent did not reach it\n`)
  return true
}

/** Why it ended, where a person can do something about it. */
export function tellUser(
  { id, plan, endedBy }: Sandbox,
  exit: Exit,
  { spoke, json }: { readonly spoke: boolean; readonly json: boolean },
): void {
  const about = { json, sandbox: id, server: plan.server }
  const limit = endedBy()
  if (limit !== undefined) tell(renderEnded(limit, about))
  else if (!spoke && exit.code !== null) {
    const why = `"${plan.server}" ended (exit code ${exit.code}) without a single MCP message. If it is no MCP server: glovebox exec -- …`
    tell(renderEnded(why, about))
  }
}
