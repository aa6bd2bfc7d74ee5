import type { Command } from 'commander'
import { addPolicyFlags, type PolicyFlags } from '../config/policy-flags.ts'

interface AddFlags extends PolicyFlags {
  readonly scope?: string
  readonly config?: string
  readonly profile?: string
  readonly disabled?: boolean
  readonly json?: boolean
}

export function register(program: Command): void {
  const command = program
    .command('add')
    .summary('add a server to the configuration')
    .description(
      'Writes a server with its policy into the project’s configuration if there is one, else into yours. Nothing is started.',
    )
    .argument('<name>', 'what the server is called')
    .argument('<command...>', 'the server and its arguments, behind --')
    .option('--scope <scope>', 'project or user')
    .option('--config <file>', 'this file')
    .option('--profile <name>', 'start from this profile instead of the one that suits the command')
    .option('--disabled', 'add it without letting it be started')
    .option('--json', 'one JSON document')
  addPolicyFlags(command)
  command
    .addHelpText(
      'after',
      `
Examples:
  glovebox add files --read ~/notes -- npx -y @modelcontextprotocol/server-filesystem ~/notes
  glovebox add gitlab --scope user --env GITLAB_TOKEN --memory 256M -- uvx gitlab-mcp

--env NAME is written as "\${env:NAME}": the value is copied at each start and never stands in the file.`,
    )
    .action(add)
}

async function add(name: string, words: string[], flags: AddFlags): Promise<void> {
  const [{ addServer, targetOf }, { entryOf }, { places: placesOf }, { renderEdit }, path] = await Promise.all([
    import('../config/edit/servers.ts'),
    import('../config/edit/entry.ts'),
    import('../system/places.ts'),
    import('../ui/servers.ts'),
    import('node:path'),
  ])
  const places = placesOf(process.env)
  const cwd = process.cwd()
  const { scope, config } = flags
  const target = targetOf({ cwd, places, scope, config })
  const base = target.kind === 'user' ? undefined : path.dirname(target.path)
  const edited = await addServer(target, name, entryOf(words, flags, { cwd, base }), places)
  process.stdout.write(renderEdit('add', name, edited, flags.json === true))
}
