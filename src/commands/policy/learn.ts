import type { Command } from 'commander'
import { addPolicyFlags } from '../../config/policy-flags.ts'
import { addStartFlags, type StartFlags } from '../../config/start.ts'
import { GloveboxError } from '../../errors.ts'

export interface LearnFlags extends StartFlags {
  readonly rounds?: number
  readonly output?: string
  readonly save?: string
  readonly yes?: boolean
  readonly scope?: string
  readonly json?: boolean
}

export function registerLearn(policy: Command): void {
  const command = policy
    .command('learn')
    .summary('run a command, and write the smallest policy that it needs')
    .description(
      `Runs a command with our own stdin, stdout and stderr behind the wall, records every file that it opens, every program that
it starts and everybody whom it wants to talk to, and writes the smallest policy in which it gets that.`,
    )
    .argument('<command...>', 'a configured server, or a command and its arguments; our own options end here')
    .passThroughOptions()
    .option('--name <name>', 'what the record calls it, and the server in what is written; the program by default')
    .option(
      '--rounds <n>',
      'run it again with what it asked for, at most so often in all (3; 1 where its input is a pipe or a file)',
      rounds,
    )
    .option('-o, --output <file>', 'write a configuration with it to this file, which is not there yet')
    .option(
      '--save <server>',
      'add it to this server of the configuration, or as this server, once you have seen the change',
    )
    .option('-y, --yes', 'with --save: yes')
    .option('--scope <scope>', 'with --save: project or user')
    .option('--json', 'one JSON document, behind whatever the command printed')
  addStartFlags(addPolicyFlags(command), { servers: true })
  command
    .addHelpText(
      'after',
      `
Examples:
  glovebox policy learn -- python3 report.py
  glovebox policy learn --read ~/notes --output notes.json -- node build.js
  glovebox policy learn --save files files
  glovebox policy learn --rounds 1 --json -- make

In the first round nothing beyond the policy is given, so that a command may stop at the first refusal; in those behind it
what was asked for is, so look at what you run, or say --rounds 1. Keys, logins and whole home directories are never given.`,
    )
    .exitOverride()
    .action(learnPolicy)
}

async function learnPolicy(words: string[], flags: LearnFlags): Promise<void> {
  const [{ startOf }, { learn }, ui, { inputIsStream }] = await Promise.all([
    import('../../config/start.ts'),
    import('../../runtime/learn/learn.ts'),
    import('../../ui/learned.ts'),
    import('../../system/terminal.ts'),
  ])
  const from = { cwd: process.cwd(), env: process.env, servers: true, config: flags.config, verb: 'policy learn' }
  const start = await startOf(words, flags, from)
  const { timeMs: _request, ...limits } = start.policy.limits
  const isServer = start.server !== undefined
  refuseLost(flags, isServer)
  await requireCreatable(flags)
  if (!isServer) (await import('../../config/edit/entry.ts')).requireWritable(flags)
  const lesson = await learn(isServer ? { ...start, policy: { ...start.policy, limits } } : start, {
    // What was read from a pipe in the first round is not there for a second one.
    rounds: flags.rounds ?? (inputIsStream() ? 1 : 3),
    onRound: (round, learned) => void process.stderr.write(`glovebox: ${ui.roundLine(round, learned)}\n`),
  }).catch(async (error: unknown) => {
    const { explainMissing } = await import('../../config/explain-missing.ts')
    throw await explainMissing(error, words, from)
  })
  const { giveLesson } = await import('./give-lesson.ts')
  await giveLesson(lesson, start, flags)
}

/** A client reads its server's stdout and is gone at its end: what is printed there then is lost. */
function refuseLost({ output, save }: LearnFlags, isServer: boolean): void {
  if (!isServer || output !== undefined || save !== undefined || process.stdout.isTTY) return
  throw new GloveboxError('USAGE', 'what is learned of a server would go to its client', {
    fix: 'say where it goes: --output FILE, or --save NAME --yes',
  })
}

/** What it learns takes minutes: whether it can be written is looked at before that. */
async function requireCreatable({ output }: LearnFlags): Promise<void> {
  if (output !== undefined) (await import('../../system/create-file.ts')).requireCreatable(output)
}

function rounds(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text)
  throw new GloveboxError('USAGE', `--rounds ${text}: not a number of rounds`, { fix: 'a whole number, 1 to 99' })
}
