import type { Command } from 'commander'

interface StatusFlags {
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
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExamples:\n  glovebox status\n  glovebox ps --json\n')
    .action(status)
}

async function status(flags: StatusFlags): Promise<void> {
  const [{ overview }, { places }, { renderRunning }] = await Promise.all([
    import('../daemon/overview.ts'),
    import('../system/places.ts'),
    import('../ui/running.ts'),
  ])
  const shown = await overview(places(process.env))
  process.stdout.write(renderRunning(shown, { json: flags.json === true, stream: process.stdout, now: Date.now() }))
}
