import type { Exit } from '../drivers/driver.ts'
import type { Secrets } from '../egress/secrets/secrets.ts'
import { GloveboxError } from '../errors.ts'
import type { AskDesk } from '../guard/ask-desk.ts'
import type { GuardPipe, PipeStreams } from '../guard/pipe.ts'
import type { Recorder } from '../protocol/facts.ts'
import { passOn, type Heard, type Take } from './pass-on.ts'
import type { Sandbox } from './sandbox.ts'

export interface GuardedOptions {
  readonly record: Recorder
  readonly requestTimeMs: number | undefined
  readonly secrets: Secrets | undefined
  readonly desk: AskDesk | undefined
  readonly client: Pick<PipeStreams, 'clientIn' | 'clientOut' | 'whileTaken'>
  /** What the server writes for people, when it is in the record too; the server waits until there is room for more. */
  readonly onStderr: Take
}

export interface Guarded {
  readonly pipe: GuardPipe
  /** Of what the server writes for people. */
  readonly heard: Heard
  /** Whether a message of the server's has passed. */
  readonly spoke: () => boolean
}

/** Puts the guard between a client and the server in a sandbox: nothing passes it by, whoever the client is. */
export async function attachClient(sandbox: Sandbox, options: GuardedOptions): Promise<Guarded> {
  const { record, requestTimeMs, secrets, desk, client, onStderr } = options
  // Loaded while the server starts, which takes longer.
  const [{ createGuard }, { attachGuard }, { createLogLines }] = await Promise.all([
    import('../guard/guard.ts'),
    import('../guard/pipe.ts'),
    import('../guard/log-lines.ts'),
  ])
  const { stdio } = sandbox.wall
  if (!stdio) throw new GloveboxError('INTERNAL', 'the driver gave no pipes')
  const log = createLogLines({ record, stream: 'stderr' })
  // Before anybody sees it: a value that is cut in two would pass every later look.
  const stderr = secrets === undefined ? stdio.stderr : stdio.stderr.pipe(secrets.redactStream())
  const broken = Promise.withResolvers<never>()
  broken.promise.catch(() => undefined) // told by the end of the messages
  const recorded = (work: () => void): void => {
    try {
      work()
    } catch (error) {
      broken.reject(error)
    }
  }
  stderr.on('data', (chunk: Buffer) => recorded(() => log.write(chunk)))
  const heard = passOn(stderr, onStderr)
  stderr.once('end', () => recorded(() => log.end()))
  const { tools, messageBytes } = sandbox.plan
  const guard = createGuard({ record, tools, limits: { messageBytes }, requestTimeMs })
  const pipe = attachGuard(guard, { ...client, serverIn: stdio.stdin, serverOut: stdio.stdout })
  desk?.attach({ canAsk: () => guard.canAsk(), put: pipe.ask })
  // What cannot be recorded does not happen: a server whose words on stderr cannot be is ended like one whose messages cannot.
  const ended = Promise.race([pipe.ended, broken.promise])
  ended.catch(() => undefined) // whoever asks for it is told
  return { pipe: { ...pipe, ended }, heard, spoke: () => guard.serverSpoke() }
}

/**
 * Why there will be no more answers, in words for the client and its user.
 * @param isMute it went on after it had closed its output, and was ended for that
 */
export function whyGone({ endedBy, plan }: Sandbox, exit: Exit, isMute: boolean): string {
  const limit = endedBy()
  if (limit !== undefined) return `the sandbox of "${plan.server}" was ended: ${limit}`
  if (isMute) return `the server "${plan.server}" closed its output, and was ended`
  if (exit.signal !== null) return `the server "${plan.server}" was ended by signal ${exit.signal}`
  return `the server "${plan.server}" ended with exit code ${exit.code}`
}
