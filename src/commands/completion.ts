import type { Command } from 'commander'

export function register(program: Command): void {
  program
    .command('completion')
    .summary('print the completion script of a shell')
    .description('Prints a script that completes the commands and options of glovebox.')
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText(
      'after',
      '\nExamples:\n  glovebox completion bash > ~/.local/share/bash-completion/completions/glovebox\n  glovebox completion fish > ~/.config/fish/completions/glovebox.fish\n',
    )
    .action(async (shell: string) => {
      const { completionScript } = await import('../ui/completion.ts')
      const { describeVerbs } = await import('../cli-verbs.ts')
      process.stdout.write(completionScript(shell, await describeVerbs()))
    })
}
