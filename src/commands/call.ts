import type { Command } from 'commander'

interface CallFlags {
  readonly timeout?: string
  readonly config?: string
  readonly json?: boolean
}

const defaultTimeout = '60s'

export function register(program: Command): void {
  program
    .command('call')
    .summary('call a tool of a server')
    .description(
      `Calls a tool in the launched server of that name; without one, in a sandbox that is started for the call and gone
afterwards.`,
    )
    .argument('<name>', 'a launched server by name or id, or a configured one')
    .argument('<tool>', 'the tool')
    .argument(
      '[arguments...]',
      'its arguments: KEY=TEXT and KEY:=JSON words, or one JSON object; @FILE reads it from a file, - from stdin',
    )
    .option(
      '--timeout <duration>',
      `give up when it has not started and answered within so long (default ${defaultTimeout})`,
    )
    .option('--config <file>', 'the configuration to take the server from; always a fresh sandbox')
    .option('--json', 'the whole result, as one JSON document')
    .addHelpText(
      'after',
      `
Examples:
  glovebox call files read_text_file path=/tmp/notes.md
  glovebox call files read_text_file '{"path": "/tmp/notes.md"}'
  glovebox call files directory_tree path=/tmp 'excludePatterns:=["node_modules"]'
  glovebox call files write_file @arguments.json --json
  echo '{"a": 1, "b": 2}' | glovebox call calculator add -

Exit codes: 0 the tool answered, 5 it answered with an error, 124 it did not within the time.`,
    )
    .action(call)
}

async function call(name: string, tool: string, given: readonly string[], flags: CallFlags): Promise<void> {
  const [{ callServer }, { readArguments }, { parseDuration }, { renderCall }] = await Promise.all([
    import('../daemon/use-server.ts'),
    import('../config/call-arguments.ts'),
    import('../policy/sizes.ts'),
    import('../ui/call.ts'),
  ])
  const args = await readArguments(given)
  const timeMs = parseDuration(flags.timeout ?? defaultTimeout, '--timeout')
  const reply = await callServer(name, flags, { tool, args, timeMs })
  const { text, exitCode } = renderCall(reply, {
    server: name,
    tool,
    json: flags.json === true,
    stream: process.stdout,
  })
  process.stdout.write(text)
  process.exitCode = exitCode
}
