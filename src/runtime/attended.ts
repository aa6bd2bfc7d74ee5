import { messageOf } from '../errors.ts'
import { openAudit } from '../audit/audit-log.ts'
import type { Purses } from '../audit/budget.ts'
import type { Driver, Exit } from '../drivers/driver.ts'
import type { Secrets } from '../egress/secrets/secrets.ts'
import type { Side } from '../guard/answers.ts'
import type { AskDesk } from '../guard/ask-desk.ts'
import type { PipeStreams } from '../guard/pipe.ts'
import type { Plan } from '../policy/plan.ts'
import type { Recorder } from '../protocol/facts.ts'
import type { SyncReport } from '../protocol/workspace.ts'
import { places } from '../system/places.ts'
import { noticingDenials, type SeenDenial } from './denials.ts'
import { attachClient, whyGone, type Guarded } from './guarded.ts'
import type { Take } from './pass-on.ts'
import type { WhileTaken } from '../system/while-taken.ts'
import { withoutValues, withSecrets } from './open-secrets.ts'
import type { ListeningPort } from './publish/listen.ts'
import { recorderFor } from './recorder.ts'
import { newSandboxId, startSandbox, type Sandbox } from './sandbox.ts'

/** A server in a sandbox, with the guard before it and a record of its own, whose end is seen to: whoever its client is. */
export interface Attended {
  readonly sandbox: Sandbox
  readonly record: Recorder
  readonly lastDenial: () => SeenDenial | undefined
  /** Whether a message of the server's has passed. */
  readonly spoke: () => boolean
  readonly startedMs: number
  /** From the beginning of the start to the program. */
  readonly sandboxMs: number
  /** Settles when it answers nobody any more, which it may outlive: it has closed its output, or ended. Never rejects. */
  readonly leaving: Promise<void>
  /** Settles when nothing of it is left, with the reason in words. Never rejects. */
  readonly ended: Promise<ServedEnd>
  /** Politely: the end of its input first. Idempotent. Returns whether it ended by itself. */
  stop(): Promise<boolean>
  /** At once: nothing of it is needed any more. */
  discard(): Promise<void>
  /** Its ports that this machine reaches. */
  readonly published: readonly ListeningPort[]
  /** An error in which its words may be: without the value of a secret. */
  redacted(error: unknown): unknown
}

export interface ServedEnd {
  readonly exit: Exit | undefined
  readonly why: string
  /** What became of a copied workspace; undefined where there was none. */
  readonly synced: SyncReport | undefined
}

export interface AttendOptions {
  readonly plan: Plan
  readonly driver: Driver
  readonly verify: (() => Promise<void>) | undefined
  /** The longest that one request may take, by the policy. */
  readonly requestTimeMs: number | undefined
  /** Whose variables secrets and proxies come from. */
  readonly env: NodeJS.ProcessEnv
  /** How long it may take to answer the handshake, of whoever is asked for one by us; undefined: what is usual. */
  readonly handshakeMs?: number | undefined
  /** A start that is not wanted any more. */
  readonly signal: AbortSignal
  readonly onStderr: Take
  /** A line on stdout that is no message, as the record has it: cut, without secrets, and not more of them than it takes. */
  readonly onStray?: ((line: string) => void) | undefined
  /** Its program runs, and is about to be spoken to. */
  readonly onStarted?: (() => void) | undefined
  /** What it may record of what it does by itself, together with others; undefined: by itself. */
  readonly purses?: Purses | undefined
  /** Not the one that its name means: it waits in a pool, or is there for one call. */
  readonly spare?: boolean | undefined
}

export interface Client {
  /** What the client writes, and where it reads. */
  readonly streams: Pick<PipeStreams, 'clientIn' | 'clientOut' | 'whileTaken'>
  /** Nothing more is asked: a server on stdio ends by that. */
  endInput(): void
  /** Who waited has been answered, and nobody will be any more. */
  onGone?(why: string): void
  /** Calls are in this sandbox's record already, by the guard that the client itself speaks through. */
  readonly isRecorded?: boolean
  /** Who asks about names that no rule of the plan has. */
  readonly desk?: ((record: Recorder) => Promise<AskDesk | undefined>) | undefined
  readonly onPublished?: (id: string, ports: readonly ListeningPort[]) => void
}

/** How long a server may take to end after its input has ended, or after a polite signal. */
export const graceMs = 2000

/** @throws GloveboxError when it does not start; nothing of it is left then */
export async function attend(options: AttendOptions, client: Client): Promise<Attended> {
  const { plan, env } = options
  if (plan.secrets.length === 0) return start(options, client, undefined)
  // A copy: the variables that are secrets are taken out of it, and the next start wants them too.
  return withSecrets(plan, { env: { ...env }, cwd: plan.command.cwd }, async (opened) =>
    start({ ...options, plan: opened.plan }, client, opened.secrets),
  )
}

async function start(
  { plan, driver, verify, requestTimeMs, env, signal, onStderr, onStray, onStarted, purses, spare }: AttendOptions,
  client: Client,
  secrets: Secrets | undefined,
): Promise<Attended> {
  const id = newSandboxId()
  const from = performance.now()
  const audit = openAudit({ directory: places(process.env).audit, sandbox: id, server: plan.server, purses })
  const { record, last } = noticingDenials(recorderFor(alsoTelling(audit.record, onStray), secrets))
  let sandbox: Sandbox
  let published: readonly ListeningPort[] = []
  const onPublished = (ports: typeof published): void => {
    published = ports
    client.onPublished?.(id, ports)
  }
  try {
    const desk = await client.desk?.(record)
    const about = { id, plan, driver, record, verify, secrets, env, signal, onPublished, spare, desk }
    sandbox = await startSandbox({ ...about, stdio: 'pipe' })
  } catch (error) {
    audit.close()
    throw error
  }
  const sandboxMs = performance.now() - from
  onStarted?.()
  try {
    const guarded = await attachClient(sandbox, {
      record: client.isRecorded === true ? withoutCalls(record) : record,
      requestTimeMs,
      secrets,
      desk: undefined,
      client: client.streams,
      onStderr,
    })
    let stopping: Promise<boolean> | undefined
    const endInput = (): void => client.endInput()
    const stop = (): Promise<boolean> => (stopping ??= endPolitely(sandbox, endInput, guarded.pipe.whileTaken))
    const leaving = Promise.race([settled(guarded.pipe.ended), settled(sandbox.wall.exit)])
    const ended = watch(sandbox, guarded, { stop, gone: (why) => client.onGone?.(why) }).then((end) =>
      closed(audit, end),
    )
    return {
      sandbox,
      record,
      lastDenial: last,
      spoke: guarded.spoke,
      startedMs: Date.now(),
      sandboxMs,
      leaving,
      ended,
      stop: async () => {
        const endedItself = await stop()
        await ended
        return endedItself
      },
      async discard() {
        await sandbox.discard().catch(() => undefined) // told by `ended`
        await ended
      },
      published,
      redacted: (error) => (secrets === undefined ? error : withoutValues(error, secrets)),
    }
  } catch (error) {
    await sandbox.wall.stop(0).catch(() => undefined) // what kept the guard from it is thrown
    await sandbox.exit.catch(() => undefined) // as above
    audit.close()
    throw error
  }
}

/** A record that cannot be ended, as on a full disk, is told with the end of its server. */
function closed(audit: { readonly close: () => void }, end: ServedEnd): ServedEnd {
  try {
    audit.close()
    return end
  } catch (error) {
    return { ...end, why: `${end.why}; its record could not be ended: ${messageOf(error)}` }
  }
}

/** After what they are told is recorded, and by it without the value of a secret. */
function alsoTelling(record: Recorder, onStray: AttendOptions['onStray']): Recorder {
  if (onStray === undefined) return record
  return (fact) => {
    record(fact)
    if (fact.fact === 'server-log' && fact.stream === 'stdout') onStray(fact.text)
  }
}

function withoutCalls(record: Recorder): Recorder {
  return (fact) => {
    if (fact.fact !== 'message') record(fact)
  }
}

/** To the last process, and to the last answer. */
async function watch(
  sandbox: Sandbox,
  { pipe, heard }: Guarded,
  { stop, gone }: { stop: () => Promise<boolean>; gone: (why: string) => void },
): Promise<ServedEnd> {
  let unrecorded: string | undefined
  let left: Side | undefined
  // Its messages can no longer be recorded, or it has closed its output: it serves nobody any more.
  const leave = async (): Promise<void> => {
    try {
      left = (await pipe.ended).side
      await stop()
    } catch (error) {
      unrecorded = `its messages can no longer be recorded: ${messageOf(error)}`
      await sandbox.wall.stop(0).catch(() => undefined) // told by its exit
    }
  }
  void leave()
  let exit: Exit | undefined
  let why: string
  try {
    exit = await sandbox.wall.exit
    await pipe.whileTaken(pipe.serverEnded, graceMs)
    const isMute = left === 'server' && !(await stop())
    why = unrecorded ?? whyGone(sandbox, exit, isMute)
  } catch (error) {
    why = `the sandbox of "${sandbox.plan.server}" was lost: ${messageOf(error)}`
  }
  await pipe.serverGone(why, graceMs)
  await heard(graceMs)
  gone(why)
  // Whoever waits for an answer has it. Now what it did to a copied workspace is taken over.
  await sandbox.exit.catch(() => undefined) // told above
  return { exit, why, synced: sandbox.synced() }
}

/** Returns whether it ended by itself. */
async function endPolitely(sandbox: Sandbox, endInput: () => void, whileTaken: WhileTaken): Promise<boolean> {
  endInput()
  if (await whileTaken(settled(sandbox.wall.exit), graceMs)) return true
  await sandbox.wall.stop(graceMs).catch(() => undefined) // told by `ended`
  return false
}

/** When a work is over, however: whoever wants to know how asks the work. */
async function settled(work: Promise<unknown>): Promise<void> {
  await Promise.allSettled([work])
}
