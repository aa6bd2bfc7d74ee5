import { attemptsOf } from '../../audit/of-sandbox.ts'
import type { Start } from '../../config/start.ts'
import { choose } from '../../policy/learn/choose.ts'
import { nothingLearned, together, type Learned } from '../../policy/learn/learned.ts'
import { wishesOf } from '../../policy/learn/wishes.ts'
import type { Policy } from '../../policy/policy.ts'
import { places } from '../../system/places.ts'
import { onTerminal } from '../../system/terminal.ts'
import { withSecrets } from '../open-secrets.ts'
import { prepare, type Prepared } from '../prepare.ts'
import { runProgram } from '../run-program.ts'
import { newSandboxId } from '../sandbox.ts'
import { createLook } from './look.ts'

export interface Lesson {
  readonly learned: Learned
  /** The ids of its sandboxes, in order. */
  readonly rounds: readonly string[]
  /** The last round asked for nothing new. */
  readonly complete: boolean
  readonly exitCode: number
}

/**
 * Runs a command with our own stdio while each file, program and connection that it asks for is recorded, and again with
 * what it asked for, until it asks for nothing new. The wall stands in every round: the first gets nothing beyond the policy.
 */
export async function learn(
  start: Start,
  options: { readonly rounds: number; readonly onRound: (round: number, learned: Learned) => void },
): Promise<Lesson> {
  const rounds: string[] = []
  let learned = nothingLearned
  for (;;) {
    options.onRound(rounds.length + 1, learned)
    const { id, exitCode, asked } = await runOnce(start, learned)
    rounds.push(id)
    const next = together(learned, asked)
    const complete = sizeOf(next) === sizeOf(learned)
    learned = next
    // Ended by somebody at the keyboard: who wants no more of it is not asked to do it again.
    const interrupted = exitCode === 130 || exitCode === 143
    if (complete || interrupted || rounds.length >= options.rounds) return { learned, rounds, complete, exitCode }
  }
}

async function runOnce(start: Start, learned: Learned): Promise<{ id: string; exitCode: number; asked: Learned }> {
  const policy = withLearned(start.policy, learned)
  const prepared = await prepare({ ...start, policy, terminal: onTerminal(), locked: {} })
  const { facts } = prepared
  // A list of programs that nobody wrote down yet keeps none from being tried.
  const plan = start.policy.exec === null ? { ...prepared.plan, exec: null } : prepared.plan
  const id = newSandboxId()
  const exitCode = await run(id, { ...prepared, plan }, start.cwd)
  const wishes = wishesOf(attemptsOf(places(process.env).audit, id))
  const asked = choose(wishes, {
    mounts: plan.mounts,
    deny: plan.deny,
    startedIn: facts.command.cwd,
    cwd: plan.command.cwd,
    home: facts.home,
    own: facts.own,
    executables: facts.command.executables,
    fact: createLook(),
  })
  return { id, exitCode, asked }
}

async function run(id: string, { plan, driver, verify }: Prepared, cwd: string): Promise<number> {
  const rest = { id, driver, verify, receipt: undefined }
  if (plan.secrets.length === 0) return runProgram({ plan, ...rest })
  return withSecrets(plan, { env: process.env, cwd }, (opened) => runProgram({ ...opened, ...rest }))
}

function withLearned(policy: Policy, { read, write, exec, connect }: Learned): Policy {
  const values = (items: Learned['read']): string[] => items.map(({ value }) => value)
  const { filesystem, network } = policy
  return {
    ...policy,
    mode: 'learn',
    filesystem: {
      ...filesystem,
      read: [...filesystem.read, ...values(read)],
      write: [...filesystem.write, ...values(write)],
    },
    network: { ...network, allow: [...network.allow, ...values(connect)] },
    // With what each of them needs in order to start.
    exec: exec.length === 0 ? policy.exec : [...(policy.exec ?? []), ...values(exec)],
  }
}

function sizeOf({ read, write, exec, connect }: Learned): number {
  return read.length + write.length + exec.length + connect.length
}
