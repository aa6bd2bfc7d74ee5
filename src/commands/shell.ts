import type { Command } from 'commander'

interface ShellFlags {
  readonly shell?: string
  readonly env?: readonly string[]
  readonly workdir?: string
}

export function register(program: Command): void {
  const each = (value: string, before: readonly string[] | undefined): string[] => [...(before ?? []), value]
  program
    .command('shell')
    .summary('a shell in a running sandbox')
    .description('A terminal in a running sandbox, under its policy. Ctrl-C and the size of the window go inside.')
    .argument('<name>', 'a running sandbox, by name or id')
    .option('--shell <path>', 'this program instead of bash, or sh where there is no bash')
    .option('-e, --env <name[=value]>', 'a variable; the name alone copies ours', each)
    .option('-w, --workdir <dir>', 'where it starts; where the server was started by default')
    .addHelpText(
      'after',
      `
Examples:
  glovebox shell files
  echo 'ls /workspace' | glovebox shell files

What is shown there is written by what runs there: a hostile program can send your terminal any sequence.`,
    )
    .action(shell)
}

async function shell(name: string, flags: ShellFlags): Promise<void> {
  const [{ variablesOf }, { shellIn }, { onTerminal }] = await Promise.all([
    import('../config/exec-inside.ts'),
    import('../runtime/running/shell-in.ts'),
    import('../system/terminal.ts'),
  ])
  process.exitCode = await shellIn(name, {
    shell: flags.shell,
    env: variablesOf(flags.env ?? [], process.env),
    workdir: flags.workdir,
    terminal: onTerminal(),
  })
}
