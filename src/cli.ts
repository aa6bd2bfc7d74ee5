import { Command, CommanderError } from 'commander'
import { verbs } from './cli-verbs.ts'
import { GloveboxError, exitCodes } from './errors.ts'
import { renderFailure } from './ui/failure.ts'
import { styleFor } from './ui/style.ts'
import { version } from './version.ts'

/** Runs one command line (without `node` and the script) and returns its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  endWithReader(process.stdout)
  const json = argv.slice(0, argv.indexOf('--') < 0 ? undefined : argv.indexOf('--')).includes('--json')
  try {
    const program = await programFor(argv[0])
    if (argv.length === 0) return await greet(program)
    await program.parseAsync(argv, { from: 'user' })
    return Number(process.exitCode ?? exitCodes.ok)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    const { text, exitCode } = renderFailure(error, { json, style: styleFor(process.stderr, process.env) })
    process.stderr.write(text)
    return exitCode
  }
}

/** `glovebox … | head`: whoever read our answer has read enough. */
function endWithReader(stdout: NodeJS.WriteStream): void {
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(exitCodes.ok)
  })
}

async function programFor(verb: string | undefined): Promise<Command> {
  const program = new Command('glovebox')
    .description('Run any MCP server, or code that an agent wrote, behind a real wall.')
    .version(version, '-V, --version')
    .enablePositionalOptions()
    .exitOverride()
    .helpCommand(false)
    .addHelpText('after', help)
  const wanted = verb === undefined ? undefined : verbs[verb]
  if (wanted) (await wanted.load()).register(program)
  else
    for (const [name, { summary }] of Object.entries(verbs)) program.command(name).summary(summary).description(summary)
  if (verb !== undefined && !wanted && !verb.startsWith('-')) throw unknownVerb(verb)
  for (const command of program.commands) command.exitOverride()
  return program
}

function unknownVerb(verb: string): GloveboxError {
  return new GloveboxError('USAGE', `"${verb}" is not a command of glovebox`, {
    fix: `one of ${Object.keys(verbs).join(', ')}; to run a server: glovebox run ${verb} …`,
  })
}

async function greet(program: Command): Promise<number> {
  process.stdout.write(program.helpInformation())
  const { machineSummary } = await import('./runtime/machine-summary.ts')
  process.stdout.write(`\n${await machineSummary()}\n`)
  return exitCodes.ok
}

const help = `
Examples:
  glovebox run --read ~/notes npx -y @modelcontextprotocol/server-filesystem ~/notes
  glovebox exec -- python3 -c 'print(open("/etc/passwd").read())'
  glovebox doctor

Exit codes: 0 fine, 1 failed, 2 usage, 3 this host cannot, 4 refused, 124 time, 125 not started,
126/127 not executable/not found, 128+n ended by signal n; run and exec otherwise give the program's own.`
