import type { Command } from 'commander'
import { addPlacementFlags } from '../config/placement-flags.ts'
import { addPolicyFlags } from '../config/policy-flags.ts'
import { addStartFlags } from '../config/start.ts'
import type { PlacedFlags } from '../runtime/placed-start.ts'

interface LaunchFlags extends PlacedFlags {
  readonly timeout?: string
  readonly json?: boolean
}

export function register(program: Command): void {
  const command = program
    .command('launch')
    .summary('start a server that goes on without you')
    .description(
      `Starts an MCP server in a sandbox that goes on when this command has ended, and returns when it has answered the
handshake. It belongs to the daemon of this user, and ends with it.`,
    )
    .argument('[command...]', 'a configured server, or a command and its arguments; our own options end here')
    .passThroughOptions()
    .option('--name <name>', 'what it is called; the name of the server, or of the program, by default')
    .option('--command <line>', 'the command in one string, split into words; no shell')
    .option('--lock <file>', 'take the versions of a package from this lock file')
    .option('--frozen', 'start no package that the lock file (the nearest glovebox.lock) does not have')
    .option('--timeout <duration>', 'give up when it has not started and answered within so long (60s for the answer)')
    .option('--json', 'one JSON document')
  addStartFlags(addPolicyFlags(addPlacementFlags(command)), { servers: true })
  command
    .addHelpText(
      'after',
      `
Examples:
  glovebox launch files
  glovebox launch --name notes --read ~/notes -- node server.js ~/notes
  glovebox launch --pool 4 --lifetime call calculator
  glovebox launch --timeout 3m slow
  glovebox call files list_directory '{"path": "/tmp"}'
  glovebox stop files`,
    )
    .action((words: string[], flags: LaunchFlags) => launch(words, flags))
}

async function launch(words: readonly string[], flags: LaunchFlags): Promise<void> {
  const [placed, contact, environment, { renderLaunched }, { waitingFor }, { untilSignalled }, { parseDuration }] =
    await Promise.all([
      import('../runtime/placed-start.ts'),
      import('../daemon/contact.ts'),
      import('../daemon/environment.ts'),
      import('../ui/launched.ts'),
      import('../ui/progress.ts'),
      import('../runtime/signals.ts'),
      import('../policy/sizes.ts'),
    ])
  const startTimeMs = flags.timeout === undefined ? undefined : parseDuration(flags.timeout, '--timeout')
  const from = { cwd: process.cwd(), env: process.env, verb: 'launch' }
  const { plan, placement, each, requestTimeMs } = await placed.placedStart(words, flags, from)
  const env = environment.launchEnvironment([plan, ...Object.values(each).map((tool) => tool.plan)], process.env)
  const daemon = await contact.ensureDaemon(process.env)
  const request = { name: plan.server, plan, placement, each, requestTimeMs, startTimeMs, env }
  const clear = waitingFor(`${plan.server} is being started`, process.stderr)
  const reply = await untilSignalled(async (signal) => daemon.launch(request, signal)).finally(clear)
  process.stdout.write(renderLaunched(reply, { json: flags.json === true }))
}
