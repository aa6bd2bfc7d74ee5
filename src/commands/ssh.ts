import { Option, type Command } from 'commander'

interface SshFlags {
  readonly config?: boolean
  readonly proxy?: boolean
  readonly forward?: readonly string[]
  readonly json?: boolean
}

export function register(program: Command): void {
  const each = (value: string, before: readonly string[] | undefined): string[] => [...(before ?? []), value]
  program
    .command('ssh')
    .summary('a running sandbox for ssh, scp, sftp and what starts ssh')
    .usage('[options] NAME [-- <command...>]')
    .description(
      `Starts the system's ssh with a running sandbox at the other end, under its policy; the connection goes through a process of
ours, and no network. With --config, prints what other clients of ssh need, and writes it where ~/.ssh/config can include it.`,
    )
    .argument('[name]', 'a running sandbox, by name or id')
    .argument('[command...]', 'what its shell runs; a shell to work in by default')
    .passThroughOptions()
    .option('-L, --forward <spec>', 'a port of this machine that leads to one of the sandbox, as ssh has it', each)
    .option('--config', 'print the ssh_config of NAME; without NAME, that of every server, and write it to a file')
    .option('--json', 'with --config: one JSON document')
    .addOption(new Option('--proxy', 'be the other end, on stdin and stdout (for ProxyCommand)').hideHelp())
    .addHelpText(
      'after',
      `
Examples:
  glovebox ssh files
  glovebox ssh files -- 'tar -c . | gzip' > workspace.tar.gz
  glovebox ssh -L 8080:localhost:3000 files
  glovebox ssh --config        then, once, at the top of ~/.ssh/config: Include the file that it names
  scp report.csv files.glovebox:/tmp/

Exit codes: the command's own, as ssh has it; 255 when ssh itself failed.`,
    )
    .action(ssh)
}

async function ssh(name: string | undefined, command: readonly string[], flags: SshFlags): Promise<void> {
  const [{ connectSsh, printSshConfig, serveSshOnStdio }, { renderSshConfig }] = await Promise.all([
    import('../runtime/ssh/ssh.ts'),
    import('../ui/ssh-config.ts'),
  ])
  const [first] = command
  if (name !== undefined && first !== undefined && first !== '--' && first.startsWith('-')) {
    const { GloveboxError } = await import('../errors.ts')
    throw new GloveboxError('USAGE', `ssh: options stand before the name, and ${first} stands behind it`, {
      fix: `glovebox ssh ${command.join(' ')} ${name}; for a command of the sandbox: glovebox ssh ${name} -- COMMAND`,
    })
  }
  if (flags.config === true) {
    const shown = await printSshConfig(name)
    const { out, err } = renderSshConfig(shown, { json: flags.json === true })
    process.stdout.write(out)
    process.stderr.write(err)
    return
  }
  if (name === undefined) {
    const { GloveboxError } = await import('../errors.ts')
    throw new GloveboxError('USAGE', 'ssh needs the name of a running sandbox', { fix: 'glovebox status names them' })
  }
  process.exitCode = await (flags.proxy === true
    ? serveSshOnStdio(name)
    : connectSsh(name, { command: command[0] === '--' ? command.slice(1) : command, forward: flags.forward ?? [] }))
}
