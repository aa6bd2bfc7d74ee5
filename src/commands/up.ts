import { Option, type Command } from 'commander'
import type { UpFlags } from '../daemon/up.ts'

interface Flags extends UpFlags {
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('up')
    .summary('start all servers of a directory')
    .description(
      `Starts every enabled server that the configuration of a directory and yours have, and returns when each has answered. What
is missing is installed and built first. Each works in a copy of the directory, unless its configuration names
another workspace; what they changed is taken over when they are stopped. What runs already is left alone.`,
    )
    .argument('[dir]', 'the directory', '.')
    .option('--config <file>', 'the configuration to take servers from, instead of the project’s and yours')
    .option('--driver <name>', 'the wall for all of them: jail, microvm')
    .addOption(
      new Option(
        '--sync <word>',
        'when they are stopped: take over all changes, or none; by default all but what a tool of yours would run by itself',
      ).choices(['yes', 'no']),
    )
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
Examples:
  glovebox up
  glovebox up ~/project --driver microvm
  glovebox status
  glovebox stop --all

Exit code 1 when one of them did not start.`,
    )
    .action(up)
}

async function up(dir: string, { json, ...flags }: Flags): Promise<void> {
  const [{ bringUp }, { renderUp }, { shareOf }, { untilSignalled }] = await Promise.all([
    import('../daemon/up.ts'),
    import('../ui/up.ts'),
    import('../ui/progress.ts'),
    import('../runtime/signals.ts'),
  ])
  const onProgress = shareOf('started', process.stderr)
  const { directory, servers } = await untilSignalled(async (signal) =>
    bringUp({ directory: dir, flags, env: process.env, signal, onProgress }),
  )
  process.stdout.write(renderUp(servers, { json: json === true, directory, stream: process.stdout }))
  if (servers.some(({ state }) => state === 'failed')) process.exitCode = 1
}
