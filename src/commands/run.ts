import type { Command } from 'commander'
import { addPolicyFlags } from '../config/policy-flags.ts'
import { addStartFlags, type StartFlags } from '../config/start.ts'

interface RunFlags extends StartFlags {
  readonly dryRun?: boolean
  readonly json?: boolean
  readonly receipt?: string
  readonly lock?: string
  readonly frozen?: boolean
}

export function register(program: Command): void {
  const command = program
    .command('run')
    .summary('run an MCP server on stdio, behind the wall')
    .description(
      'Runs an MCP server in a fresh sandbox, as a client’s child would be: JSON-RPC on stdin and stdout, through the guard.',
    )
    .argument('[command...]', 'a configured server, or a command and its arguments; our own options end here')
    .passThroughOptions()
    .option('--name <name>', 'what the record calls it; the program by default')
    .option('--command <line>', 'the command in one string, split into words; no shell')
    .option('--lock <file>', 'take the versions of a package from this lock file')
    .option('--frozen', 'start no package that the lock file (the nearest glovebox.lock) does not have')
    .option('--dry-run', 'print the plan; start and install nothing')
    .option(
      '--receipt <file>',
      'write what is enforced to a file as JSON; - prints a table on stderr, with --json JSON',
    )
    .option('--json', 'machine-readable plan and errors')
  addStartFlags(addPolicyFlags(command), { servers: true })
  command
    .addHelpText(
      'after',
      `
Examples:
  glovebox run files
  glovebox run --read ~/notes npx -y @modelcontextprotocol/server-filesystem ~/notes
  glovebox run git ~/work/project
  glovebox run --read ~/notes -- node server.js ~/notes
  glovebox run --allow-net api.github.com,preset:npm -- node server.js
  glovebox run --write ./data --deny-tools 'delete_*' --memory 256M -- mcp-server-files ./data

What the command needs in order to start (its interpreter, the package around its script) is shown to it read-only;
--dry-run lists it. Everything else is an option above.`,
    )
    .action((words: string[], flags: RunFlags) => run(words, flags))
}

async function run(words: readonly string[], flags: RunFlags): Promise<void> {
  const [{ startOf }, { prepare }] = await Promise.all([import('../config/start.ts'), import('../runtime/prepare.ts')])
  const from = { cwd: process.cwd(), env: process.env, servers: true, config: flags.config }
  const started = await startOf(words, flags, from)
  const { policy, ...start } = started
  const { timeMs, ...limits } = policy.limits
  // `time` is one request's here, not the program's: the guard keeps it, the launcher does not.
  const prepared = prepare({ ...start, policy: { ...policy, limits }, terminal: false, locked: flags })
  const { plan, driver, verify } = await prepared.catch(async (error: unknown) => {
    const { explainMissing } = await import('../config/explain-missing.ts')
    throw await explainMissing(error, words, { ...from, verb: 'run' })
  })
  if (flags.dryRun === true) {
    const { renderPlan } = await import('../ui/plan.ts')
    process.stdout.write(
      renderPlan(plan, { ...start, policy, json: flags.json === true, verb: 'run', stream: process.stdout }),
    )
    return
  }
  const { placement, each } = start.placed
  const isApart = placement.lifetime === 'call' || Object.keys(each).length > 0
  const keeper = plan.network?.ask === true && start.server !== undefined ? await keeperOf(start.server) : undefined
  const rest = { keeper, driver, verify, receipt: flags.receipt, json: flags.json === true, requestTimeMs: timeMs }
  if (isApart) {
    const { runApart } = await import('../runtime/apart/run-apart.ts')
    process.exitCode = await runApart(started, flags, { plan, ...rest })
    return
  }
  const { runServer } = await import('../runtime/run-server.ts')
  if (plan.secrets.length === 0) {
    process.exitCode = await runServer({ plan, ...rest })
    return
  }
  const { withSecrets } = await import('../runtime/open-secrets.ts')
  const host = { env: process.env, cwd: start.cwd }
  process.exitCode = await withSecrets(plan, host, (opened) => runServer({ ...opened, ...rest }))
}

async function keeperOf({ name, file, scope }: { name: string; file: string; scope: 'project' | 'user' | 'file' }) {
  const [{ keeperFor }, { places }] = await Promise.all([
    import('../config/keep-rule.ts'),
    import('../system/places.ts'),
  ])
  return keeperFor({ name, target: { kind: scope, path: file } }, places(process.env))
}
