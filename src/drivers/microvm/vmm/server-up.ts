import { PassThrough } from 'node:stream'
import { GloveboxError } from '../../../errors.ts'
import type { Inside } from '../../../inside/client.ts'
import type { JailPlan } from '../../../protocol/jail-plan.ts'
import type { Activity } from '../../../protocol/jail-status.ts'
import { inPatience, type Waited } from '../../../system/patience.ts'
import type { Receipt } from '../../driver.ts'
import { follow } from '../../launcher/follow.ts'
import { launcherCommands } from '../../launcher/commands.ts'
import { untrusted } from '../../../ui/untrusted.ts'
import { answersOf, beginningOf, ping, refused, requireAnswer } from './first-answer.ts'
import { startInGuest, type GuestLauncher } from './guest-launcher.ts'

/** What became of a start in a template, for those who go on from there. Words of the guest's. */
export interface ServerUp {
  readonly receipt: Receipt
  readonly activities: readonly Activity[]
  /** What it has logged so far, base64. */
  readonly stderr: string
}

/** How long a server may take until it answers, on a host that may emulate it; time without a processor comes on top. */
const upMs = 120_000
const keepMs = 30_000
/** The first answer says that it is up. After the next ones its run time has compiled what each request passes through. */
const pings = 3

/** Of a server's logs before it is asked anything, and of what is told of it. More is nothing to keep and to tell anew at each start. */
const maxLogBytes = 64 * 1024
const maxActivities = 4096

export interface BringUp {
  /** What has to be seen to before anything of the program's runs. */
  readonly before: () => Promise<void>
  readonly waited: Waited
  /** Of its machine: nobody waits for a guest that is gone. */
  readonly ended: Promise<unknown>
  /** How long the server may take until it runs, and then for each answer. */
  readonly ms?: number
}

/**
 * Starts a server in the machine that becomes a template, and has it kept when it is up. It is up when it has answered a ping, the one
 * request that MCP lets a client make before `initialize` (lifecycle, "Initialization"), whatever it answers; and has said nothing else,
 * which would be heard by no client.
 * @throws GloveboxError
 */
export async function bringUp(inside: Inside, plan: JailPlan, options: BringUp): Promise<ServerUp> {
  const { before, waited, ended: gone, ms = upMs } = options
  const launcher = startInGuest(inside, plan, undefined)
  // Its output is read when it runs: what comes before holds up whatever else the guest says, its end too.
  void gone.then(() => launcher.hurry())
  const activities: Activity[] = []
  const { started, exit } = follow(launcher, {
    onActivity: (activity) => void (activities.length <= maxActivities && activities.push(activity)),
    onLimit: () => undefined, // ends it, and its end is told
  })
  const { go } = launcherCommands((line) => launcher.command(line), exit)
  const stderr = beginningOf(launcher.stderr, maxLogBytes)
  launcher.stdin.on('error', () => undefined) // it does not read any more: its end is told
  const letGo = async (): Promise<void> => {
    await before()
    go()
    await within(ms, waited, 'it did not start', started)
  }
  try {
    const [{ receipt }] = await Promise.all([started, letGo()])
    const ended = exit.then(({ code, signal }) => {
      throw refused(
        `it ended (${code === null ? `signal ${signal}` : `exit code ${code}`}) instead of answering a ping`,
      )
    })
    ended.catch(() => undefined) // lost a race, or thrown
    const said = answersOf(launcher.stdout)
    for (let count = 0; count < pings; count++) {
      const answer = said.next()
      answer.catch(() => undefined) // lost a race, or thrown
      launcher.stdin.write(ping(count))
      const late = 'it did not answer a ping before `initialize`'
      requireAnswer(await within(ms, waited, late, Promise.race([answer, ended])), count)
    }
    await within(keepMs, waited, 'it could not be made to stand still', launcher.keep())
    if ((await said.more) > 0) throw refused('it says more than it was asked, which no client would hear')
    if (activities.length > maxActivities) throw refused(`it did more than ${maxActivities} things before it was up`)
    return { receipt, activities, stderr: (await stderr).toString('base64') }
  } catch (error) {
    launcher.kill('SIGKILL')
    const log = untrusted((await stderr).toString('utf8').trim().slice(-2000))
    if (log === '' || !(error instanceof GloveboxError)) throw error
    throw new GloveboxError(error.code, `${error.message}; it logged: ${log}`, { fix: error.fix, cause: error })
  }
}

/** A launcher whose program's log begins with what it logged in the template. */
export function replayed(launcher: GuestLauncher, { stderr }: ServerUp): GuestLauncher {
  if (stderr === '') return launcher
  const whole = new PassThrough()
  whole.write(Buffer.from(stderr, 'base64'))
  launcher.stderr.pipe(whole)
  whole.once('close', () => launcher.stderr.destroy())
  return { ...launcher, stderr: whole }
}

async function within<T>(ms: number, waited: Waited, why: string, work: Promise<T>): Promise<T> {
  return inPatience(work, { ms, waited, late: () => refused(`${why} within ${ms / 1000} s`) })
}
