import type { Command } from 'commander'

interface LogsFlags {
  readonly follow?: boolean
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('logs')
    .summary('what a launched server logs')
    .description('Prints what a launched server wrote to stderr: the last of it, also when it has ended.')
    .argument('<name>', 'a launched server, by name or id')
    .option('-f, --follow', 'go on with what comes, until the server is stopped')
    .option('--json', 'a JSON object for each line')
    .addHelpText('after', '\nExamples:\n  glovebox logs files\n  glovebox logs -f files\n')
    .action(logs)
}

async function logs(name: string, flags: LogsFlags): Promise<void> {
  const [{ printLog }, { untilSignalled }] = await Promise.all([
    import('../daemon/print-log.ts'),
    import('../runtime/signals.ts'),
  ])
  await untilSignalled(async (signal) =>
    printLog(name, { follow: flags.follow === true, json: flags.json === true, signal }),
  )
}
