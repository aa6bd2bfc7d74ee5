import { Option, type Command } from 'commander'

interface ToolsFlags {
  readonly names?: boolean
  readonly launched?: boolean
  readonly config?: string
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('tools')
    .summary('the tools of a server')
    .description(
      'Lists the tools of a launched server, or of a configured one, which is started for it and ended again.',
    )
    .argument('<name>', 'a launched server by name or id, or a configured one')
    .option('--config <file>', 'the configuration to take the server from')
    .addOption(new Option('--launched', 'of a launched server only: none is started for it').conflicts('config'))
    .addOption(new Option('--names', 'their names alone, a line each').conflicts('json'))
    .option('--json', 'one JSON document, with the schemas')
    .addHelpText('after', '\nExamples:\n  glovebox tools files\n  glovebox tools files --json\n')
    .action(tools)
}

async function tools(name: string, flags: ToolsFlags): Promise<void> {
  const [{ toolsOf, toolsOfLaunched }, { renderToolList }, { renderNames }] = await Promise.all([
    import('../daemon/use-server.ts'),
    import('../ui/call.ts'),
    import('../ui/names.ts'),
  ])
  const found = flags.launched === true ? await toolsOfLaunched(name) : await toolsOf(name, flags)
  if (flags.names === true) {
    process.stdout.write(renderNames(found))
    return
  }
  process.stdout.write(renderToolList(found, { server: name, json: flags.json === true, stream: process.stdout }))
}
