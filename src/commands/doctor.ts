import type { Command } from 'commander'

interface DoctorFlags {
  readonly json?: boolean
  readonly fix?: boolean
  readonly undo?: boolean
  readonly user?: string
}

export function register(program: Command): void {
  program
    .command('doctor')
    .summary('find out what this machine can enforce, by doing it')
    .description(
      'Puts up a jail and tries to break each of its controls from inside. With --fix, run by root, lets an ordinary user have limits of their own.',
    )
    .option('--json', 'one JSON document')
    .option('--fix', 'as root: delegate control groups to --user (default: the user who called sudo)')
    .option('--undo', 'with --fix: take the delegation back')
    .option('--user <name or id>', 'whom --fix is for')
    .addHelpText(
      'after',
      '\nExamples:\n  glovebox doctor\n  sudo glovebox doctor --fix --user "$USER"\n\nExits with 3 when a control cannot be enforced.\n',
    )
    .action((flags: DoctorFlags) => doctor(flags))
}

async function doctor(flags: DoctorFlags): Promise<void> {
  if (flags.fix === true) {
    const { delegate } = await import('../runtime/delegate.ts')
    process.stdout.write(await delegate({ user: flags.user, undo: flags.undo === true, json: flags.json === true }))
    return
  }
  if (flags.undo === true || flags.user !== undefined) {
    const { GloveboxError } = await import('../errors.ts')
    throw new GloveboxError(
      'USAGE',
      `${flags.undo === true ? '--undo' : '--user'} is for --fix, and nothing was changed`,
      {
        fix: `sudo glovebox doctor --fix${flags.undo === true ? ' --undo' : ''} --user ${flags.user ?? '"$USER"'}`,
      },
    )
  }
  const { examine } = await import('../runtime/examine.ts')
  const { renderExamination } = await import('../ui/examination.ts')
  const examination = await examine()
  process.stdout.write(renderExamination(examination, { json: flags.json === true, stream: process.stdout }))
  const { exitCodes } = await import('../errors.ts')
  process.exitCode = examination.whole ? exitCodes.ok : exitCodes.hostCannot
}
