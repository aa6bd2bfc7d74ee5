import { GloveboxError } from '../errors.ts'
import { forbid, isRestricted, permit } from '../system/apparmor.ts'
import { findInside } from '../system/native.ts'
import { runCommand } from '../system/run-command.ts'
import { userId } from '../system/users.ts'

/** What glovebox-inside says that it did (`native/limits/src/delegate.rs`). */
interface Delegation {
  readonly undone: boolean
  readonly actions: readonly { readonly what: string; readonly path: string; readonly changed: boolean }[]
  /** Controls that the user's sandboxes can now be given. */
  readonly controls: readonly string[]
  /** Still there after the next boot. */
  readonly lasts: boolean
  readonly problems: readonly string[]
}

/**
 * `doctor --fix`: gives a user control groups of their own, by glovebox-inside run as root, and the right to user
 * namespaces where AppArmor withholds it; or takes both back.
 * Returns what was done, one line an action, or its JSON.
 * @throws GloveboxError USAGE without a user, HOST_CANNOT without root or where the system refuses
 */
export async function delegate(options: { user: string | undefined; undo: boolean; json: boolean }): Promise<string> {
  const user = options.user ?? process.env['SUDO_UID']
  if (user === undefined) {
    throw new GloveboxError('USAGE', '--fix: for whom?', { fix: 'sudo glovebox doctor --fix --user NAME' })
  }
  const uid = userId(user)
  if (process.getuid?.() !== 0) {
    throw new GloveboxError('HOST_CANNOT', 'delegating control groups takes root', {
      fix: `sudo glovebox doctor --fix --user ${uid}`,
    })
  }
  const inside = findInside(process.env)
  const appArmor = await settleAppArmor(inside, options.undo)
  const args = ['delegate', '--user', String(uid), ...(options.undo ? ['--undo'] : [])]
  const { code, stdout, stderr } = await runCommand(inside, args)
  const done = stdout === '' ? undefined : (JSON.parse(stdout) as Delegation)
  if (code !== 0 || done === undefined) {
    const why = done === undefined ? stderr.trim() : done.problems.join('; ')
    throw new GloveboxError(
      'HOST_CANNOT',
      `control groups could not be ${options.undo ? 'taken back' : 'delegated'}: ${why}`,
      {
        fix: 'see docs/TROUBLESHOOTING.md, "Control groups"',
      },
    )
  }
  if (options.json) return `${JSON.stringify({ ...done, appArmor })}\n`
  return [...appArmor, render(done, uid)].join('\n')
}

/** Only where AppArmor stands in the way of user namespaces; what it did. */
async function settleAppArmor(inside: string, undo: boolean): Promise<string[]> {
  if (undo) return forbid()
  return isRestricted() ? permit(inside) : []
}

function render(done: Delegation, uid: number): string {
  const lines = done.actions.map(({ what, path, changed }) => `${changed ? what : `${what} (was so already)`}: ${path}`)
  if (done.undone) return `${[...lines, `user ${uid} has no control groups of ours any more`].join('\n')}\n`
  const until = done.lasts ? '' : ' until the next start of this machine'
  return `${[...lines, `user ${uid} can now limit ${done.controls.join(', ')}${until}`].join('\n')}\n`
}
