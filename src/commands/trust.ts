import type { Command } from 'commander'
import type { Review } from '../config/trust/review.ts'

interface TrustFlags {
  readonly yes?: boolean
  readonly show?: boolean
  readonly revoke?: boolean
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('trust')
    .summary('look at a project’s configuration and say yes to it')
    .description(
      'Shows the configuration and the profiles of a project, or what has changed in them, and records your yes. Until then its servers may not write, look outside of the project, take from your environment, or be let off a control.',
    )
    .argument('[directory]', 'the project; the working directory by default')
    .option('-y, --yes', 'record it without asking')
    .option('--show', 'show it and record nothing')
    .option('--revoke', 'take your yes back')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExamples:\n  glovebox trust\n  glovebox trust ~/work/cloned --show\n')
    .action((directory: string | undefined, flags: TrustFlags) => trust(directory ?? '.', flags))
}

async function trust(directory: string, flags: TrustFlags): Promise<void> {
  const [{ reviewProject }, record, { places: placesOf }] = await Promise.all([
    import('../config/trust/review.ts'),
    import('../config/trust/record.ts'),
    import('../system/places.ts'),
  ])
  const places = placesOf(process.env)
  const review = reviewProject(directory, places)
  if (flags.revoke === true) {
    const was = record.removeRecord(places.state, review.directory)
    return tell(flags, review.directory, 'unknown', was ? 'your yes is taken back' : 'there was no yes to take back')
  }
  if (review.state.state === 'trusted') {
    return tell(flags, review.directory, 'trusted', `trusted since ${review.state.record.recorded}`)
  }
  await show(review, flags)
  // What cannot be read cannot be agreed to.
  await (await import('../config/file.ts')).readConfig(review.source)
  if (flags.show === true) return tell(flags, review.directory, review.state.state, 'nothing is recorded')
  const yes = flags.yes === true || (await (await import('../system/ask.ts')).ask('Do you trust it?', '--yes'))
  if (!yes) {
    const { GloveboxError } = await import('../errors.ts')
    throw new GloveboxError('REFUSED', `${review.directory}: not trusted`, {
      fix: 'nothing was recorded; ask again when you have looked',
    })
  }
  record.writeRecord(places.state, review.directory, review.seen)
  return tell(flags, review.directory, 'trusted', 'trusted from now on; a change asks again')
}

async function show(review: Review, flags: TrustFlags): Promise<void> {
  const [{ renderReview }, { styleFor }] = await Promise.all([import('../ui/trust.ts'), import('../ui/style.ts')])
  const stream = flags.json === true ? process.stderr : process.stdout
  stream.write(`${renderReview(review, styleFor(stream, process.env))}\n`)
}

function tell(flags: TrustFlags, directory: string, state: string, text: string): void {
  const document = { schema: 'glovebox/trust/1', directory, state }
  process.stdout.write(flags.json === true ? `${JSON.stringify(document, null, 2)}\n` : `${directory}: ${text}\n`)
}
