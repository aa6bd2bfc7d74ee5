import type { Command } from 'commander'
import { addPolicyFlags } from '../config/policy-flags.ts'
import { addStartFlags } from '../config/start.ts'
import type { PlacedFlags } from '../runtime/placed-start.ts'

interface TestFlags extends PlacedFlags {
  readonly json?: boolean
}

export function register(program: Command): void {
  const command = program
    .command('test')
    .summary('start a server once, and tell how long each stage takes')
    .description(
      'Starts a server in a sandbox of its own, shakes hands with it, asks for its tools, and ends it. Without a name: a server of ours that does nothing.',
    )
    .argument('[command...]', 'a configured server, or a command and its arguments; our own options end here')
    .passThroughOptions()
    .option('--name <name>', 'what the record calls it')
    .option('--command <line>', 'the command in one string, split into words; no shell')
    .option('--json', 'one JSON document')
  addStartFlags(addPolicyFlags(command), { servers: true })
  command
    .addHelpText(
      'after',
      '\nExamples:\n  glovebox test\n  glovebox test files\n  glovebox test --json -- node server.js\n',
    )
    .action((words: string[], flags: TestFlags) => test(words, flags))
}

async function test(words: readonly string[], flags: TestFlags): Promise<void> {
  const [{ testServer }, { renderTested }] = await Promise.all([
    import('../runtime/test-server.ts'),
    import('../ui/tested.ts'),
  ])
  const tested = await testServer(words, flags)
  process.stdout.write(renderTested(tested, { json: flags.json === true, stream: process.stdout }))
  if (tested.error !== undefined) throw tested.error
}
