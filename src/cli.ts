import { Command, CommanderError } from 'commander'
import { verbs } from './cli-verbs.ts'
import { exitCodes } from './errors.ts'
import { renderFailure } from './ui/failure.ts'
import { styleFor } from './ui/style.ts'
import { version } from './version.ts'

/** Runs one command line (without `node` and the script) and returns its exit code. */
export async function main(given: readonly string[]): Promise<number> {
  outliveReaderOfStderr()
  endWithReader(process.stdout)
  const argv = withoutHelpVerb(given)
  const json = argv.slice(0, argv.indexOf('--') < 0 ? undefined : argv.indexOf('--')).includes('--json')
  const program = programOf()
  try {
    await addVerb(program, argv[0])
    if (argv.length === 0) return await greet(program)
    await program.parseAsync(argv, { from: 'user' })
    return Number(process.exitCode ?? exitCodes.ok)
  } catch (error) {
    const failure = error instanceof CommanderError ? await usageOf(error, program, argv) : error
    if (typeof failure === 'number') return failure
    const { text, exitCode } = renderFailure(failure, { json, style: styleFor(process.stderr, process.env) })
    process.stderr.write(text)
    return exitCode
  }
}

/** `glovebox help run` is what `glovebox run --help` is, and `glovebox version` what `--version` is. */
function withoutHelpVerb(argv: readonly string[]): readonly string[] {
  const [first, ...rest] = argv
  if (first === 'help') return [...rest, '--help']
  return first === 'version' && rest.length === 0 ? ['--version'] : argv
}

/** @returns the exit code instead, where commander has told everything: it was asked for help, or for a verb it gave help */
async function usageOf(error: CommanderError, program: Command, argv: readonly string[]): Promise<number | Error> {
  if (error.exitCode === 0) return exitCodes.ok
  if (error.code === 'commander.help') return exitCodes.usage
  return (await import('./ui/usage.ts')).usageOf(error, program, argv)
}

/** `glovebox … | head`: whoever read our answer has read enough. Where it cannot be written otherwise, as on a full disk, it is lost. */
function endWithReader(stdout: NodeJS.WriteStream): void {
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.ok)
    process.stderr.write(
      `glovebox: stdout cannot be written: ${error.message}\n  fix: make room, or send it elsewhere\n`,
    )
    process.exit(exitCodes.failed)
  })
}

/**
 * A client may close the other end of our stderr, or its log may be on a disk that is full: what is told there is lost then,
 * and nobody is left to be told so; the server, its workspace and the record go on. Node makes the stream when it is first
 * asked for, which most starts never do, so that is when the listener is put on it, whoever asks.
 */
function outliveReaderOfStderr(): void {
  const made = Object.getOwnPropertyDescriptor(process, 'stderr')
  if (made?.get === undefined) return
  const get = (): NodeJS.WriteStream => {
    const value = made.get?.call(process) as NodeJS.WriteStream
    value.on('error', () => undefined)
    Object.defineProperty(process, 'stderr', { value, configurable: true, enumerable: true })
    return value
  }
  Object.defineProperty(process, 'stderr', { get, configurable: true, enumerable: true })
}

function programOf(): Command {
  return new Command('glovebox')
    .description('Run any MCP server, or code that an agent wrote, behind a real wall.')
    .version(version, '-V, --version')
    .enablePositionalOptions()
    .exitOverride()
    .configureHelp({ commandDescription: whatItDoes })
    .configureOutput({ outputError: () => undefined })
    .helpCommand(false)
    .addHelpText('after', help)
}

/** A paragraph, which help breaks where the terminal does. */
function whatItDoes(command: Command): string {
  return (command.description() || command.summary()).replaceAll('\n', ' ')
}

async function addVerb(program: Command, verb: string | undefined): Promise<void> {
  const wanted = verb === undefined ? undefined : verbs[verb]
  if (wanted) (await wanted.load()).register(program)
  else
    for (const [name, { summary }] of Object.entries(verbs)) program.command(name).summary(summary).description(summary)
  if (verb !== undefined && !wanted && !verb.startsWith('-'))
    throw (await import('./ui/usage.ts')).unknownVerb(verb, Object.keys(verbs))
  for (const command of program.commands) {
    command.exitOverride()
    keepsTheDashes(command)
  }
}

/** `--receipt -- server`: commander gives the dashes to the option, and the server's own name would be all that is left of them. */
function keepsTheDashes(command: Command): void {
  for (const option of command.options.filter(({ required }) => required)) {
    command.on(`option:${option.name()}`, (value: unknown) => {
      if (value === '--') command.error(`error: option '${option.flags}' argument missing`)
    })
  }
  command.commands.forEach(keepsTheDashes)
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
