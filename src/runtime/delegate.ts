import { GloveboxError } from '../errors.ts'
import { findInside } from '../system/native.ts'
import { runCommand } from '../system/run-command.ts'
import { userId } from '../system/users.ts'

/**
 * Gives a user control groups of their own, or takes them back, by glovebox-inside run as root.
 * Returns what was done, one line an action, or its JSON.
 * @throws GloveboxError USAGE without a user, HOST_CANNOT without root or where the system refuses
 */
export async function delegate(options: { user: string | undefined; undo: boolean; json: boolean }): Promise<string> {
  const user = options.user ?? process.env['SUDO_UID']
  if (user === undefined)
    throw new GloveboxError('USAGE', '--fix: for whom?', { fix: 'sudo glovebox doctor --fix --user NAME' })
  const uid = userId(user)
  if (process.getuid?.() !== 0) {
    throw new GloveboxError('HOST_CANNOT', 'delegating control groups takes root', {
      fix: `sudo glovebox doctor --fix --user ${uid}`,
    })
  }
  const done = await runCommand(findInside(process.env), [
    'delegate',
    '--user',
    String(uid),
    ...(options.undo ? ['--undo'] : []),
  ])
  if (done.code !== 0) {
    throw new GloveboxError('HOST_CANNOT', `control groups could not be delegated: ${done.stderr.trim()}`, {
      fix: 'see docs/TROUBLESHOOTING.md, "Control groups"',
    })
  }
  if (options.json) return done.stdout
  const { actions } = JSON.parse(done.stdout) as {
    actions: readonly { readonly path: string; readonly action: string }[]
  }
  if (actions.length === 0) return 'nothing to do: it was so already\n'
  return `${actions.map(({ action, path }) => `${action} ${path}`).join('\n')}\n`
}
