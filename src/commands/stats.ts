import type { Command } from 'commander'

interface StatsFlags {
  readonly json?: boolean
  readonly watch?: boolean
}

export function register(program: Command): void {
  program
    .command('stats')
    .summary('what running sandboxes use')
    .description(
      'Memory, processors, processes, pressure and the last denials of running sandboxes; all of yours without a name.',
    )
    .argument('[name...]', 'running sandboxes, by name or id')
    .option('--watch', 'again each second, until Ctrl-C')
    .option('--json', 'a JSON document; with --watch one a line')
    .addHelpText(
      'after',
      '\nExamples:\n  glovebox stats\n  glovebox stats files --watch\n  glovebox stats files --json\n',
    )
    .action(stats)
}

async function stats(names: string[], flags: StatsFlags): Promise<void> {
  const [{ readStats }, { watchStats }, { renderStats }] = await Promise.all([
    import('../runtime/running/stats.ts'),
    import('../runtime/running/watch-stats.ts'),
    import('../ui/stats.ts'),
  ])
  const options = { json: flags.json === true, oneLine: flags.watch === true, stream: process.stdout }
  if (flags.watch === true) {
    process.exitCode = await watchStats(names, (rows) => renderStats(rows, options), options)
    return
  }
  const rows = await readStats(names)
  process.stdout.write(renderStats(rows, options))
  // Those that are left are shown; that one is silent is told by the exit code too.
  if (rows.some(({ error }) => error !== undefined)) process.exitCode = 1
}
