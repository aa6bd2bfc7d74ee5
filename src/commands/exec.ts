import type { Command } from 'commander'
import type { InsideFlags } from '../config/exec-inside.ts'
import { addPolicyFlags } from '../config/policy-flags.ts'
import { addStartFlags, type StartFlags } from '../config/start.ts'

interface ExecFlags extends StartFlags, InsideFlags {
  readonly env?: readonly string[]
  readonly dryRun?: boolean
  readonly json?: boolean
  readonly receipt?: string
}

export function register(program: Command): void {
  const command = program
    .command('exec')
    .summary('run any program behind the wall, with raw stdio')
    .usage('[options] [NAME] -- <command...>')
    .description(
      `Runs a program with our stdin, stdout and stderr, and exits with its exit code: in a fresh sandbox, or, with the name
or id of a running one before the two dashes, in that one and under its policy.`,
    )
    .argument('<command...>', 'the program and its arguments')
    .passThroughOptions()
    .option('--name <name>', 'what the record calls it; the program by default')
    .option('--dry-run', 'print the plan; start and install nothing')
    .option(
      '--receipt <file>',
      'write what is enforced to a file as JSON; - prints a table on stderr, with --json JSON',
    )
    .option('--json', 'machine-readable plan, receipt and errors')
    .optionsGroup('In a running sandbox (NAME -- …), with --env:')
    .option('-w, --workdir <dir>', 'where the program starts; where the server was started by default')
    .option('-t, --tty', 'give the program a terminal; the default where stdin and stdout are one')
    .option('--no-tty', 'pipes, even on a terminal')
    .option('-i, --interactive', 'hand it our stdin (the default)')
    .option('--no-interactive', 'its stdin is empty')
  addStartFlags(addPolicyFlags(command), { servers: false })
  command
    .addHelpText(
      'after',
      `
Examples:
  glovebox exec --read . --memory 256M --time 30s -- python3 script.py
  glovebox exec --allow-net preset:pypi,db.internal:5432 --allow-private 10.0.0.0/8 -- python3 script.py
  glovebox exec files -- ls -l /workspace
  glovebox exec files -- cat report.bin > report.bin

WORD -- … always means the running sandbox WORD. To hand two dashes to a program of your own in a fresh sandbox:
glovebox exec -- WORD -- …`,
    )
    .action((words: string[], flags: ExecFlags) => exec(words, flags))
}

async function exec(words: readonly string[], flags: ExecFlags): Promise<void> {
  const { refuseInsideFlags, splitTarget } = await import('../config/exec-inside.ts')
  const target = splitTarget(words)
  if (target !== undefined) return execInside(target, flags)
  refuseInsideFlags(flags)
  const { startOf } = await import('../config/start.ts')
  const { prepare } = await import('../runtime/prepare.ts')
  const { onTerminal } = await import('../system/terminal.ts')
  const start = await startOf(words, flags, { cwd: process.cwd(), env: process.env, servers: false })
  const { plan, driver, verify } = await prepare({
    ...start,
    terminal: onTerminal(),
    locked: { dryRun: flags.dryRun === true },
  }).catch(async (error: unknown) => {
    const { explainNoProgram } = await import('../runtime/running/explain-no-program.ts')
    throw await explainNoProgram(error, words, { cwd: process.cwd(), env: process.env })
  })
  if (flags.dryRun === true) {
    const { renderPlan } = await import('../ui/plan.ts')
    process.stdout.write(
      renderPlan(plan, { ...start, json: flags.json === true, verb: 'exec', stream: process.stdout }),
    )
    return
  }
  const { runProgram } = await import('../runtime/run-program.ts')
  const rest = { driver, verify, receipt: flags.receipt, json: flags.json === true }
  if (plan.secrets.length === 0) {
    process.exitCode = await runProgram({ plan, ...rest })
    return
  }
  const { withSecrets } = await import('../runtime/open-secrets.ts')
  const host = { env: process.env, cwd: start.cwd }
  process.exitCode = await withSecrets(plan, host, (opened) => runProgram({ ...opened, ...rest }))
}

async function execInside(
  { name, command }: { name: string; command: readonly string[] },
  flags: ExecFlags,
): Promise<void> {
  const [{ refusePolicyFlags, variablesOf }, { programIn }, { onTerminal }] = await Promise.all([
    import('../config/exec-inside.ts'),
    import('../runtime/running/program-in.ts'),
    import('../system/terminal.ts'),
  ])
  refusePolicyFlags(flags)
  process.exitCode = await programIn(name, 'exec', {
    command,
    env: variablesOf(flags.env ?? [], process.env),
    workdir: flags.workdir,
    terminal: flags.tty ?? onTerminal(),
    input: flags.interactive ?? true,
  })
}
