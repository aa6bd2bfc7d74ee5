import type { Command } from 'commander'
import { addPolicyFlags } from '../config/policy-flags.ts'
import { addStartFlags, type StartFlags } from '../config/start.ts'

interface ExecFlags extends StartFlags {
  readonly dryRun?: boolean
  readonly json?: boolean
  readonly receipt?: string
}

export function register(program: Command): void {
  const command = program
    .command('exec')
    .summary('run any program behind the wall, with raw stdio')
    .description('Runs a program in a fresh sandbox with our stdin, stdout and stderr, and exits with its exit code.')
    .argument('<command...>', 'the program and its arguments')
    .passThroughOptions()
    .option('--name <name>', 'what the record calls it; the program by default')
    .option('--dry-run', 'print the plan; start and install nothing')
    .option('--receipt <file>', 'write what is enforced to a file as JSON; - prints a table on stderr')
    .option('--json', 'machine-readable plan, receipt and errors')
  addStartFlags(addPolicyFlags(command), { servers: false })
  command
    .addHelpText('after', '\nExample:\n  glovebox exec --read . --memory 256M --time 30s -- python3 script.py\n')
    .action((words: string[], flags: ExecFlags) => exec(words, flags))
}

async function exec(words: readonly string[], flags: ExecFlags): Promise<void> {
  const { startOf } = await import('../config/start.ts')
  const { prepare } = await import('../runtime/prepare.ts')
  const { onTerminal } = await import('../system/terminal.ts')
  const start = await startOf(words, flags, { cwd: process.cwd(), env: process.env, servers: false })
  const { plan, driver } = await prepare({
    ...start,
    terminal: onTerminal(),
    locked: { dryRun: flags.dryRun === true },
  })
  if (flags.dryRun === true) {
    const { renderPlan } = await import('../ui/plan.ts')
    process.stdout.write(
      renderPlan(plan, { ...start, json: flags.json === true, verb: 'exec', stream: process.stdout }),
    )
    return
  }
  const { runProgram } = await import('../runtime/run-program.ts')
  process.exitCode = await runProgram({ plan, driver, receipt: flags.receipt })
}
