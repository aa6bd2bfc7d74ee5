import { Option, type Command } from 'commander'

interface StatusFlags {
  readonly names?: boolean
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('status')
    .alias('ps')
    .summary('the sandboxes that run now')
    .description(
      'Lists the sandboxes of this user that run now, the oldest first, launched or not, and what launched ones came to.',
    )
    .addOption(new Option('--names', 'their names alone, a line each').conflicts('json'))
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExamples:\n  glovebox status\n  glovebox ps --json\n')
    .action(status)
}

async function status(flags: StatusFlags): Promise<void> {
  const [{ overview }, { places }, { renderNames }, { renderRunning }] = await Promise.all([
    import('../daemon/overview.ts'),
    import('../system/places.ts'),
    import('../ui/names.ts'),
    import('../ui/running.ts'),
  ])
  const shown = await overview(places(process.env))
  if (flags.names === true) {
    const { running, servers } = shown
    const awake = running.filter(({ spare }) => spare !== true).map(({ server }) => ({ name: server }))
    process.stdout.write(renderNames([...awake, ...servers]))
    return
  }
  process.stdout.write(renderRunning(shown, { json: flags.json === true, stream: process.stdout, now: Date.now() }))
}
