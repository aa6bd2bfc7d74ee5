import type { Command } from 'commander'
import { Option } from 'commander'
import type { WhichBackup } from '../runtime/workspace/backup.ts'
import type { BackupChosen } from '../runtime/workspace/manage.ts'

interface Flags {
  readonly json?: boolean
}

interface TakeFlags extends Flags {
  readonly yes?: boolean
}

interface SyncFlags extends Flags {
  readonly sync?: 'ask' | 'yes' | 'no'
  readonly disk?: string
}

export function register(program: Command): void {
  const command = program
    .command('workspace')
    .summary('copies of workspaces, and what was there before their changes were taken over')
    .description(
      'A sandbox with --workspace DIR works in a copy of DIR. At its end its changes are taken over, after a backup of what they replace.',
    )
    .addHelpText(
      'after',
      `
Examples:
  glovebox workspace list
  glovebox workspace diff gbx-0123456789ab
  glovebox workspace sync gbx-0123456789ab --sync yes
  glovebox workspace restore 20261121T173000Z-gbx-0123456789ab`,
    )
  command
    .command('list')
    .summary('copies whose changes are not taken over yet, and backups')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  glovebox workspace list --json\n')
    .action(list)
  command
    .command('diff')
    .summary('what a copy has that its workspace has not; changes nothing')
    .argument('[id]', 'of the sandbox; the only one that waits, by default')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  glovebox workspace diff gbx-0123456789ab\n')
    .action(diff)
  command
    .command('sync')
    .summary('take the changes of a copy over, that a killed process has left')
    .argument('[id]', 'of the sandbox; the only one that waits, by default')
    .addOption(
      new Option('--sync <word>', 'yes: all; ask: show them first (the default on a terminal)').choices([
        'ask',
        'yes',
        'no',
      ]),
    )
    .option('--disk <size>', 'how much larger the workspace may become; what the sandbox was started with, by default')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  glovebox workspace sync gbx-0123456789ab --sync yes\n')
    .action(sync)
  command
    .command('restore')
    .summary('put back what was there before changes were taken over')
    .description(
      'Puts back what one sync has replaced and removed, and removes what it added. What you changed since stays, and is told; asking again goes on with what was left.',
    )
    .argument('[backup]', 'its name; the newest of this directory that is not, or not all, put back yet, by default')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  glovebox workspace restore 20261121T173000Z-gbx-0123456789ab\n')
    .action(async (name: string | undefined, flags: Flags) => {
      const { chosenBackup } = await import('../runtime/workspace/manage.ts')
      await restore(chosenBackup(name, 'before'), 'before', flags)
    })
  command
    .command('take')
    .summary('take over what a sync has kept aside: held changes, and the sandbox’s side of conflicts')
    .argument('[backup]', 'its name; the newest of this directory that has something aside, by default')
    .option('--yes', 'without a question')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  glovebox workspace take 20261121T173000Z-gbx-0123456789ab\n')
    .action(take)
  command
    .command('discard')
    .summary('throw a copy, or a backup, away')
    .argument('<name>', 'of a backup, or the id of a sandbox')
    .addHelpText('after', '\nExample:\n  glovebox workspace discard gbx-0123456789ab\n')
    .action(discard)
}

async function list(flags: Flags): Promise<void> {
  const [{ listWorkspaces }, { renderWorkspaces }, { styleFor }] = await Promise.all([
    import('../runtime/workspace/manage.ts'),
    import('../ui/workspace-list.ts'),
    import('../ui/style.ts'),
  ])
  const listed = listWorkspaces()
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify({ schema: 'glovebox/workspace-list/1', ...listed })}\n`
      : renderWorkspaces(listed, Date.now(), styleFor(process.stdout, process.env)),
  )
}

async function diff(id: string | undefined, flags: Flags): Promise<void> {
  const [{ diffWorkspace }, { renderDiff }] = await Promise.all([
    import('../runtime/workspace/manage.ts'),
    import('../ui/workspace-list.ts'),
  ])
  process.stdout.write(renderDiff(await diffWorkspace(id), flags.json === true))
}

async function sync(id: string | undefined, flags: SyncFlags): Promise<void> {
  const [{ syncWorkspace }, { parseSize }] = await Promise.all([
    import('../runtime/workspace/manage.ts'),
    import('../policy/sizes.ts'),
  ])
  const json = flags.json === true
  const diskBytes = flags.disk === undefined ? undefined : parseSize(flags.disk, '--disk')
  // With --json the one document is the answer; else it is what was said on the way.
  const report = await syncWorkspace(id, { choice: flags.sync, json, diskBytes })
  if (report.state === 'failed' || report.state === 'partly') process.exitCode = 1
}

async function take(name: string | undefined, flags: TakeFlags): Promise<void> {
  const [{ chosenBackup }, { renderKept }, { ask }] = await Promise.all([
    import('../runtime/workspace/manage.ts'),
    import('../ui/workspace.ts'),
    import('../system/ask.ts'),
  ])
  const chosen = chosenBackup(name, 'kept')
  const { workspace } = chosen.backup.about
  process.stderr.write(renderKept(workspace, chosen.shown))
  if (flags.yes === true || (await ask('Take them over?', '--yes'))) await restore(chosen, 'kept', flags)
  else process.exitCode = 1
}

async function restore(chosen: BackupChosen, which: WhichBackup, flags: Flags): Promise<void> {
  const [{ restoreWorkspace }, { renderRestored }, { amountOf }] = await Promise.all([
    import('../runtime/workspace/manage.ts'),
    import('../ui/workspace.ts'),
    import('../ui/progress.ts'),
  ])
  const progress = amountOf('restoring', process.stderr)
  let bytes = 0
  try {
    const restored = await restoreWorkspace(chosen, which, (more) => progress.show((bytes += more)))
    progress.clear()
    const json = flags.json === true
    const text = renderRestored(restored, { json, which, name: chosen.backup.name })
    if (json) process.stdout.write(text)
    else process.stderr.write(text)
    if (restored.report.state === 'partly') process.exitCode = 1
  } finally {
    progress.clear()
  }
}

async function discard(name: string): Promise<void> {
  const { discardWorkspace } = await import('../runtime/workspace/manage.ts')
  discardWorkspace(name)
}
