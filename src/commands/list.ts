import { Option, type Command } from 'commander'

interface ListFlags {
  readonly config?: string
  readonly names?: boolean
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('list')
    .summary('the configured servers')
    .description('Lists the servers of the project’s configuration and of yours.')
    .option('--config <file>', 'this file, and no other')
    .addOption(new Option('--names', 'their names alone, a line each').conflicts('json'))
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  glovebox list --json\n')
    .action(list)
}

async function list(flags: ListFlags): Promise<void> {
  const [{ readScopes }, { listServers }, { places }, { renderNames }, { renderServers }] = await Promise.all([
    import('../config/scopes.ts'),
    import('../config/overview.ts'),
    import('../system/places.ts'),
    import('../ui/names.ts'),
    import('../ui/servers.ts'),
  ])
  const scopes = await readScopes({ cwd: process.cwd(), places: places(process.env) }, flags.config)
  const servers = listServers(scopes)
  process.stdout.write(
    flags.names === true
      ? renderNames(servers)
      : renderServers(servers, { json: flags.json === true, stream: process.stdout }),
  )
}
