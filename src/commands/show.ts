import type { Command } from 'commander'

interface ShowFlags {
  readonly config?: string
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('show')
    .summary('one configured server with its whole policy')
    .description(
      'Shows a server with every value of its policy and where that comes from; values of variables are not shown.',
    )
    .argument('<name>', 'a configured server')
    .option('--config <file>', 'the configuration to take it from')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nExample:\n  glovebox show files\n\nglovebox policy show files also looks at this machine, and prints the plan.',
    )
    .action(show)
}

async function show(name: string, flags: ShowFlags): Promise<void> {
  const [{ findServer }, { renderServer }] = await Promise.all([
    import('../config/servers.ts'),
    import('../ui/servers.ts'),
  ])
  const server = await findServer(name, {
    cwd: process.cwd(),
    env: process.env,
    config: flags.config,
    copiesNothing: true,
  })
  process.stdout.write(renderServer(server, { json: flags.json === true, stream: process.stdout }))
}
