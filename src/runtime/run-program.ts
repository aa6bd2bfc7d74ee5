import { openAudit } from '../audit/audit-log.ts'
import { createPurses, wholeRecord } from '../audit/budget.ts'
import type { Driver } from '../drivers/driver.ts'
import { exitCodes } from '../errors.ts'
import type { Secrets } from '../egress/secrets/secrets.ts'
import type { Plan } from '../policy/plan.ts'
import { renderEnded } from '../ui/ended.ts'
import { renderPublished } from '../ui/published.ts'
import { shellWord } from '../ui/shell-word.ts'
import { keepCompiled } from '../system/keep-compiled.ts'
import { places } from '../system/places.ts'
import { exitCodeOf } from './exit-code.ts'
import { Interrupted } from './interrupted.ts'
import { noticingLoopback } from './lonely-connections.ts'
import { recorderFor } from './recorder.ts'
import { giveReceipt } from './receipt-file.ts'
import { newSandboxId, startSandbox } from './sandbox.ts'
import { onEndingSignals } from './signals.ts'
import { unseenArguments } from './unseen-arguments.ts'
import { isUnsynced } from '../protocol/workspace.ts'

/** `exec` alone: a program behind the wall with our own stdio, no guard. Returns the exit code. */
export async function runProgram(options: {
  /** Its sandbox's; a new one by default. */
  id?: string
  plan: Plan
  driver: Driver
  verify: (() => Promise<void>) | undefined
  receipt: string | undefined
  /** What is told on the way is for programs. */
  json?: boolean
  /** Those of the plan, with their values; undefined where it has none. */
  secrets?: Secrets | undefined
}): Promise<number> {
  const { plan, driver, verify } = options
  const { id = newSandboxId(), json = false } = options
  // It may be removed meanwhile.
  const cwd = process.cwd()
  // What was learned from is all of it.
  const purses = plan.mode === 'learn' ? createPurses(wholeRecord) : undefined
  const audit = openAudit({ directory: places(process.env).audit, sandbox: id, server: plan.server, purses })
  const { record, lonely } = noticingLoopback(recorderFor(audit.record, options.secrets))
  const starting = new AbortController()
  let forward = (signal: NodeJS.Signals): void => starting.abort(new Interrupted(signal))
  const release = onEndingSignals((signal) => forward(signal))
  try {
    const sandbox = await startSandbox({
      id,
      plan,
      driver,
      record,
      stdio: 'inherit',
      signal: starting.signal,
      verify,
      secrets: options.secrets,
      json,
      onPublished: (ports) =>
        void process.stderr.write(renderPublished(ports, { json, sandbox: id, server: plan.server })),
    })
    let asked = 0
    forward = (signal) => {
      // The second wish is not a wish to be asked again.
      if (++asked > 1) void sandbox.wall.stop(0)
      else sandbox.wall.signal(signal)
    }
    await giveReceipt(sandbox, options.receipt, json)
    keepCompiled()
    const exit = await sandbox.exit
    const why = sandbox.endedBy()
    if (why !== undefined) process.stderr.write(renderEnded(why, { json, sandbox: id, server: plan.server }))
    else if (exit.code !== 0 && exit.code !== null && !json) {
      tellUnseen(plan, cwd)
      tellLonely(lonely())
    }
    return exitCodeOf(exit) || (isUnsynced(sandbox.synced()) ? exitCodes.failed : exitCodes.ok)
  } catch (error) {
    if (error instanceof Interrupted) return error.exitCode
    throw error
  } finally {
    release()
    audit.close()
  }
}

/** A program that was started by a person, and failed: perhaps because of a file that it was to have. */
function tellUnseen(plan: Plan, cwd: string): void {
  const unseen = unseenArguments(plan, cwd)
  if (unseen.length === 0) return
  const words = unseen.slice(0, 3).map(shellWord)
  const flags = words.map((word) => `--read ${word}`).join(' ')
  process.stderr.write(
    `glovebox: the sandbox does not see ${words.join(', ')}: ${flags} ${words.length > 1 ? 'show them' : 'shows it'}, and --write lets ${words.length > 1 ? 'them' : 'it'} be changed\n`,
  )
}

/** Perhaps because it looked for a server of this machine at an address that is its own in there. */
function tellLonely(addresses: readonly string[]): void {
  if (addresses.length === 0) return
  const words = addresses.slice(0, 3)
  const flags = words.map((address) => `--allow-net ${address}`).join(' ')
  const [is, leads] = words.length === 1 ? ['is', 'leads'] : ['are', 'lead']
  process.stderr.write(
    `glovebox: inside, ${words.join(', ')} ${is} the sandbox itself, and nothing in it listened there: ${flags} ${leads} to this machine\n`,
  )
}
