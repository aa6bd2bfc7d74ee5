import type { Command } from 'commander'
import { kinds } from '../audit/kinds.ts'
import type { QueryFlags } from '../audit/query-report.ts'
import { GloveboxError } from '../errors.ts'

interface TailFlags {
  readonly follow?: boolean
  readonly lines: number
  readonly json?: boolean
}

export function register(program: Command): void {
  const command = program
    .command('audit')
    .summary('read, search and verify the record of what happened')
    .description(
      'Every start, receipt, call, refusal and attempt is an event in a hash-chained file, one for each sandbox.',
    )
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nExamples:\n  glovebox audit tail files --follow\n  glovebox audit query --verdict denied --since 1d\n  glovebox audit verify',
    )
  command
    .command('tail')
    .description('show the last events of all sandboxes, or of those of one server')
    .argument('[name]', 'a server, or the id of a sandbox')
    .option('-f, --follow', 'go on with what is added')
    .option('-n, --lines <count>', 'how many of the last events', countOf('--lines'), 20)
    .option('--json', 'the events as they are in the record, one a line')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox audit tail files --follow\n')
    .action(tail)
  command
    .command('query')
    .description('find events by time, server, kind, verdict, program, address or tool; the newest come last')
    .option('--since <time>', '2h, 7d, 07:30, 2026-11-21, "2026-11-21 07:30"')
    .option('--until <time>', 'as --since')
    .option('--server <name>', 'the server as it is configured')
    .option('--sandbox <id>', 'one sandbox')
    .option('--kind <kind>', `${kinds.slice(0, -1).join(', ')} or ${kinds.at(-1)}`)
    .option('--verdict <verdict>', 'allowed, denied, recorded or failed')
    .option('--denied', 'the same as --verdict denied')
    .option('--program <name>', 'the program that acted, or that was executed')
    .option('--address <address>', 'an address or a name, with or without its port')
    .option('--tool <name>', 'the tool that was called')
    .option('-n, --limit <count>', 'how many of the newest; 0 for all', countOf('--limit'), 1000)
    .option('-f, --follow', 'go on with those that come')
    .option('--json', 'the events as they are in the record, one a line')
    .addHelpText(
      'after',
      '\nExamples:\n  glovebox audit query --server files --since 1h\n  glovebox audit query --verdict denied --kind connect --since 7d --json\n',
    )
    .exitOverride()
    .action(query)
  command
    .command('verify')
    .description('find out whether a record was changed, shortened, reordered or removed; exit code 1 when one was')
    .argument('[file]', 'a file, or the id of a sandbox; all by default')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox audit verify\n')
    .action(verify)
}

async function tail(name: string | undefined, flags: TailFlags): Promise<void> {
  const { tailAudit } = await import('../audit/tail.ts')
  const { directory, style } = await surroundings()
  const gone = readerGone()
  await tailAudit({
    directory,
    name,
    lines: flags.lines,
    follow: flags.follow === true,
    json: flags.json === true,
    style,
    write: (text) => void process.stdout.write(text),
    signal: gone,
  })
}

async function query(flags: QueryFlags): Promise<void> {
  const [{ queryAudit }, { shareOf }] = await Promise.all([
    import('../audit/query-report.ts'),
    import('../ui/progress.ts'),
  ])
  const { directory, style } = await surroundings()
  await queryAudit({
    directory,
    flags,
    now: Date.now(),
    style,
    write: (text) => void process.stdout.write(text),
    tell: (text) => void process.stderr.write(text),
    onProgress: shareOf('reading the record', process.stderr),
    signal: readerGone(),
  })
}

async function verify(target: string | undefined, flags: { readonly json?: boolean }): Promise<void> {
  const { verifyAudit } = await import('../audit/verify-report.ts')
  const { text, failure } = verifyAudit({ ...(await surroundings()), target, json: flags.json === true })
  readerGone()
  process.stdout.write(text)
  if (failure !== undefined) throw failure
}

async function surroundings() {
  const [{ places }, { styleFor }] = await Promise.all([import('../system/places.ts'), import('../ui/style.ts')])
  return { directory: places(process.env).audit, style: styleFor(process.stdout, process.env) }
}

/** `| head` has seen enough: an end like any other, not an error. */
function readerGone(): AbortSignal {
  const gone = new AbortController()
  process.stdout.on('error', (error) => {
    if ('code' in error && error.code === 'EPIPE') gone.abort()
    else throw error
  })
  return gone.signal
}

function countOf(flag: string): (text: string) => number {
  return (text) => {
    if (/^\d{1,6}$/.test(text)) return Number(text)
    throw new GloveboxError('USAGE', `${flag} ${text}: not a number of events`, { fix: 'a whole number, 0 to 999999' })
  }
}
