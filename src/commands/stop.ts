import type { Command } from 'commander'

interface StopFlags {
  readonly all?: boolean
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('stop')
    .summary('end launched servers')
    .description(
      `Ends launched servers, politely at first, and returns when nothing of them is left. What they did to a copied workspace is
taken over, and told.`,
    )
    .argument('[name...]', 'launched servers, by name or id')
    .option('--all', 'all of them')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExamples:\n  glovebox stop files\n  glovebox stop --all\n')
    .action(stop)
}

async function stop(names: string[], flags: StopFlags): Promise<void> {
  const [{ stopServers }, { places }, { renderStopped, renderTakenOver }] = await Promise.all([
    import('../daemon/stop-servers.ts'),
    import('../system/places.ts'),
    import('../ui/launched.ts'),
  ])
  const stopped = await stopServers(flags.all === true ? 'all' : names, places(process.env))
  if (flags.json !== true) process.stderr.write(renderTakenOver(stopped))
  process.stdout.write(renderStopped(stopped, { json: flags.json === true }))
  if (stopped.some(({ unsynced }) => unsynced)) process.exitCode = 1
}
