import type { Command } from 'commander'
import type { Hindrance } from '../runtime/hindrances.ts'
import { addPolicyFlags } from '../config/policy-flags.ts'
import { addStartFlags, type StartFlags } from '../config/start.ts'
import { registerExplain } from './policy/explain.ts'
import { registerLearn } from './policy/learn.ts'

interface JsonFlag {
  readonly json?: boolean
}

export function register(program: Command): void {
  const command = program
    .command('policy')
    .summary('show, check, compare, explain and learn policies')
    .description('What a start may do, and what is wrong with what files say about it.')
    .addHelpText(
      'after',
      '\nExamples:\n  glovebox policy show files\n  glovebox policy check\n  glovebox policy diff files other.json#files\n  glovebox policy explain files\n  glovebox policy learn -- python3 report.py\n',
    )
  const show = command
    .command('show')
    .description('the plan of a server or a command, with where each value comes from; starts nothing')
    .argument('<command...>', 'a configured server, or a command and its arguments')
    .passThroughOptions()
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox policy show files\n')
    .action(showPlan)
  addStartFlags(addPolicyFlags(show), { servers: true })
  command
    .command('check')
    .description('all that is wrong in configurations and profiles; exit code 2 when something is')
    .argument('[files...]', 'configurations and .profile files; those that hold here by default')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox policy check\n')
    .action(check)
  command
    .command('diff')
    .description('the keys in which two policies differ; exit code 1 when they do')
    .argument('<a>', 'a configured server, or FILE#NAME')
    .argument('<b>', 'a configured server, or FILE#NAME')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox policy diff files other.json#files\n')
    .action(diff)
  registerExplain(command)
  registerLearn(command)
}

async function showPlan(words: string[], flags: StartFlags & JsonFlag): Promise<void> {
  const [{ startOf }, { prepare }, { renderPlan }] = await Promise.all([
    import('../config/start.ts'),
    import('../runtime/prepare.ts'),
    import('../ui/plan.ts'),
  ])
  const from = { cwd: process.cwd(), env: process.env, servers: true, config: flags.config, verb: 'policy show' }
  const { policy, ...start } = await startOf(words, flags, from)
  const { timeMs: _request, ...limits } = policy.limits
  const { plan } = await prepare({
    ...start,
    policy: { ...policy, limits },
    terminal: false,
    locked: { dryRun: true },
  }).catch(async (error: unknown) => {
    const { explainMissing } = await import('../config/explain-missing.ts')
    throw await explainMissing(error, words, from)
  })
  process.stdout.write(
    renderPlan(plan, { ...start, policy, json: flags.json === true, verb: 'policy', stream: process.stdout }),
  )
}

async function check(files: string[], { json }: JsonFlag): Promise<void> {
  const [{ checkFiles }, { renderChecked }, { exitCodes }] = await Promise.all([
    import('../config/check.ts'),
    import('../ui/policy.ts'),
    import('../errors.ts'),
  ])
  const here = { cwd: process.cwd(), env: process.env }
  const checked = await checkFiles(files, here)
  const hindrances = checked.findings.length > 0 ? [] : await hindrancesIn(checked.files, here)
  process.stdout.write(renderChecked(checked, hindrances, { json: json === true, stream: process.stdout }))
  if (checked.findings.length > 0) process.exitCode = exitCodes.usage
}

async function hindrancesIn(
  files: readonly string[],
  here: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<Hindrance[]> {
  const { hindrances } = await import('../runtime/hindrances.ts')
  const found: Hindrance[] = []
  for (const file of files) if (!file.endsWith('.profile')) found.push(...(await hindrances(file, here)))
  return found
}

async function diff(a: string, b: string, { json }: JsonFlag): Promise<void> {
  const [{ policyNamed }, { policyDifferences, renderDifferences }, { exitCodes }] = await Promise.all([
    import('../config/compare.ts'),
    import('../ui/policy.ts'),
    import('../errors.ts'),
  ])
  const options = { cwd: process.cwd(), env: process.env }
  const differences = policyDifferences(await policyNamed(a, options), await policyNamed(b, options))
  process.stdout.write(renderDifferences(differences, { a, b, json: json === true, stream: process.stdout }))
  if (differences.length > 0) process.exitCode = exitCodes.failed
}
