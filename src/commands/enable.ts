import type { Command } from 'commander'

interface EditFlags {
  readonly scope?: string
  readonly config?: string
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('enable')
    .summary('let a server be started again')
    .description('Edits the configuration file, comments and order kept, after a dated copy of it.')
    .argument('<name>', 'a configured server')
    .option('--scope <scope>', 'project or user, when both have a server of that name')
    .option('--config <file>', 'this file')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  glovebox enable files\n')
    .action(enable)
}

async function enable(name: string, flags: EditFlags): Promise<void> {
  const [{ setEnabled, targetWith }, { places: placesOf }, { renderEdit }] = await Promise.all([
    import('../config/edit/servers.ts'),
    import('../system/places.ts'),
    import('../ui/servers.ts'),
  ])
  const places = placesOf(process.env)
  const { scope, config } = flags
  const target = await targetWith(name, { cwd: process.cwd(), places, scope, config })
  process.stdout.write(renderEdit('enable', name, await setEnabled(target, name, true, places), flags.json === true))
}
