import type { Command } from 'commander'

interface EditFlags {
  readonly scope?: string
  readonly config?: string
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('remove')
    .summary('take a server out of the configuration')
    .description('Edits the configuration file, comments and order kept, after a dated copy of it.')
    .argument('<name>', 'a configured server')
    .option('--scope <scope>', 'project or user, when both have a server of that name')
    .option('--config <file>', 'this file')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  glovebox remove files\n')
    .action(remove)
}

async function remove(name: string, flags: EditFlags): Promise<void> {
  const [{ removeServer, targetWith }, { places: placesOf }, { renderEdit }] = await Promise.all([
    import('../config/edit/servers.ts'),
    import('../system/places.ts'),
    import('../ui/servers.ts'),
  ])
  const places = placesOf(process.env)
  const { scope, config } = flags
  const target = await targetWith(name, { cwd: process.cwd(), places, scope, config })
  process.stdout.write(renderEdit('remove', name, await removeServer(target, name, places), flags.json === true))
}
