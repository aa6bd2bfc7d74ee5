import type { Command } from 'commander'
import type { Edited } from '../../config/edit/servers.ts'
import { GloveboxError, exitCodes } from '../../errors.ts'
import type { Attempt, Explanation } from '../../policy/explain/attempt.ts'

interface ExplainFlags {
  readonly apply?: boolean
  readonly yes?: boolean
  readonly scope?: string
  readonly config?: string
  readonly json?: boolean
}

export function registerExplain(policy: Command): void {
  policy
    .command('explain')
    .summary('why something was blocked, and the line that would allow it')
    .description(
      'Tells in sentences what was blocked, who asked, by which rule, why that rule is there, and what would allow it.',
    )
    .argument(
      '[event]',
      'the id of an event, as audit query shows it, or a server or sandbox, whose last denial is meant; the last denial of all by default',
    )
    .option('--apply', 'add it to the configuration of that server, once you have seen the change and said yes')
    .option('-y, --yes', 'with --apply: yes')
    .option('--scope <scope>', 'project or user, when both have a server of that name')
    .option('--config <file>', 'this configuration')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
Examples:
  glovebox policy explain
  glovebox policy explain files
  glovebox policy explain gbx-0c5f3a9d1e27:42
  glovebox policy explain files --apply

Exit code 4 when nothing would allow it.`,
    )
    .exitOverride()
    .action(explainEvent)
}

async function explainEvent(wanted: string | undefined, flags: ExplainFlags): Promise<void> {
  const [{ findDenial }, { explain }, { places }, { shareOf }, ui, { styleFor }] = await Promise.all([
    import('../../audit/last-denial.ts'),
    import('../../policy/explain/explain.ts'),
    import('../../system/places.ts'),
    import('../../ui/progress.ts'),
    import('../../ui/explain.ts'),
    import('../../ui/style.ts'),
  ])
  const share = shareOf('reading the record', process.stderr)
  const denial = findDenial(places(process.env).audit, wanted, (done, all) => share(all === 0 ? 1 : done / all))
  const explanation = explain(denial.attempt)
  const json = flags.json === true
  if (!json) process.stdout.write(ui.renderExplanation(denial, explanation, styleFor(process.stdout, process.env)))
  const applied = flags.apply === true ? await apply(denial.attempt, explanation, flags) : undefined
  if (json) process.stdout.write(ui.explanationJson(denial, explanation, applied))
  if (explanation.remedy === null) process.exitCode = exitCodes.refused
}

/** @throws GloveboxError where nothing is written, and why; USAGE where nobody can be asked */
async function apply(
  attempt: Attempt,
  { remedy, notes }: Explanation,
  flags: ExplainFlags,
): Promise<Edited | undefined> {
  if (remedy === null)
    throw new GloveboxError('REFUSED', 'there is nothing to apply: no line allows this', { fix: notes[0] })
  if (!remedy.applies) {
    throw new GloveboxError('REFUSED', `a person has to write this one: ${remedy.flag ?? String(remedy.grant.value)}`, {
      fix: notes[0],
    })
  }
  const [{ targetWith, applyEdits }, { proposeGrants }, { findServer }, { places: placesOf }, { agree }] =
    await Promise.all([
      import('../../config/edit/servers.ts'),
      import('../../config/edit/grant.ts'),
      import('../../config/servers.ts'),
      import('../../system/places.ts'),
      import('./agree.ts'),
    ])
  const [cwd, places] = [process.cwd(), placesOf(process.env)]
  const { scope, config } = flags
  const name = attempt.server
  const target = await targetWith(name, { cwd, places, scope, config })
  const { policy } = await findServer(name, { cwd, env: process.env, config: target.path, copiesNothing: true })
  const inherited = { exec: policy.exec, tools: policy.tools.allow }
  const { before, after, edits } = await proposeGrants(target, name, [remedy.grant], inherited)
  const shown = { path: target.path, before: before.text, after }
  if (!(await agree(shown, flags.yes === true))) return undefined
  const edited = await applyEdits(target, before, edits, places)
  process.stderr.write(
    `written: ${edited.path}${edited.backup === undefined ? '' : `; what was there before is in ${edited.backup}`}\n`,
  )
  return edited
}
