import { spawn, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process'
import { accessSync, chownSync, constants, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { setPriority, tmpdir } from 'node:os'
import path from 'node:path'
import type { Runner } from '../../test/support/as-user.ts'
import { imageFor } from '../../test/support/image.ts'
import { unlessPresent } from '../../test/support/requirement.ts'
import { root } from '../checks.ts'
import type { Live } from './live.ts'
import type { CargoSuite, NodeSuite, ProgramSuite, Suite } from './suites.ts'
import { named, nothing, tallyOfCargo, type Tally } from './tally.ts'

export interface SuiteResult {
  readonly tally: Tally
  /** What was said, where it was kept instead of shown at once. */
  readonly output: string
}

export interface Manner {
  readonly live: Live
  /** Behind the scenes: it gives way to what measures time. */
  readonly aside: boolean
  /** What it says is kept until its end: something else is shown at once. */
  readonly kept: boolean
  /** The identity; our own when absent. */
  readonly runner?: Runner
}

export async function runSuite(suite: Suite, manner: Manner): Promise<SuiteResult> {
  switch (suite.kind) {
    case 'node':
      return runNodeSuite(suite, manner)
    case 'cargo':
      return runCargoSuite(suite, manner)
    case 'program':
      return runProgramSuite(suite, manner)
  }
}

async function runNodeSuite(suite: NodeSuite, manner: Manner): Promise<SuiteResult> {
  const { runner } = manner
  const directory = mkdtempSync(path.join(runner?.tmp ?? tmpdir(), 'tally-'))
  const target = path.join(directory, 'tally.json')
  const reporter = path.join(runner?.root ?? root, 'tools/testing/reporter.ts')
  const manners = [`--test-reporter=${reporter}`, `--test-concurrency=${suite.concurrency}`]
  const args = ['--test', ...manners, `--test-timeout=${suite.longestFileMs}`, ...suite.files]
  try {
    if (runner !== undefined) chownSync(directory, runner.uid, runner.gid)
    const { code, output } = await end(startNode(args, { GLOVEBOX_TALLY: target }, manner), manner)
    const tally = existsSync(target) ? (JSON.parse(readFileSync(target, 'utf8')) as Tally) : undefined
    return tally !== undefined && (code === 0 || tally.failed > 0)
      ? { tally, output }
      : crashed(suite.name, code, output)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** What another user's tests must know beside the runner's own environment: what is required, and how long to try. */
function startNode(args: readonly string[], more: Record<string, string>, { kept, runner }: Manner): ChildProcess {
  const stdio = stdioOf(kept)
  if (runner === undefined) return spawn(process.execPath, args, { cwd: root, stdio, env: { ...process.env, ...more } })
  const told = Object.entries(process.env).filter(([name]) => /^(REQUIRE_|CI$|GLOVEBOX_LONG$)/.test(name))
  return runner.spawn(runner.node, args, {
    cwd: runner.root,
    stdio,
    env: { ...runner.env, ...Object.fromEntries(told), ...imageFor(runner), ...more },
  })
}

/** The workspace's tests, unit and integration, in one go; `--no-fail-fast` so that one failure hides no other. */
async function runCargoSuite({ name, cargo }: CargoSuite, manner: Manner): Promise<SuiteResult> {
  const skip = unlessPresent('CARGO', whyNoCargo(cargo))
  if (skip !== false) return { tally: { ...nothing, skips: [`${name}: all of them — ${skip}`] }, output: '' }
  const args = ['test', '--locked', '--workspace', '--no-fail-fast']
  // What incremental builds need costs a clean clone a quarter of its build; later it saves more than that.
  const isFirst = !existsSync(path.join(root, 'native/target/debug'))
  const env = isFirst ? { ...process.env, CARGO_INCREMENTAL: '0' } : process.env
  const child = spawn(cargo, args, { cwd: path.join(root, 'native'), stdio: stdioOf(true), env })
  const { code, output } = await end(child, manner)
  const tally = tallyOfCargo(output)
  if (code === 0) return { tally, output: '' }
  return tally.failed > 0 ? { tally, output } : crashed(name, code, output)
}

/** In a clone of somebody else's, an ordinary user has neither that one's Rust nor the right to build there. */
function whyNoCargo(cargo: string): string | undefined {
  if (spawnSync(cargo, ['--version']).status !== 0) return 'this user has no cargo'
  try {
    accessSync(path.join(root, 'native/target'), constants.W_OK)
    return undefined
  } catch (error) {
    return `native/target cannot be written by this user (${error instanceof Error ? error.message : String(error)})`
  }
}

async function runProgramSuite({ name, args }: ProgramSuite, manner: Manner): Promise<SuiteResult> {
  const { code, output } = await end(startNode(args, {}, manner), manner)
  return code === 0 ? { tally: { ...nothing, passed: 1 }, output } : crashed(name, code, output)
}

/** A run that ended without saying how its tests went has failed, whatever it counted before. */
function crashed(name: string, code: number | null, output: string): SuiteResult {
  const how = code === null ? 'a signal' : `exit code ${code}`
  const last = output.trimEnd().split('\n').slice(-10).join('\n')
  const failures = [named(`${name} ended with ${how}`, last)]
  return { tally: { ...nothing, failed: 1, failures }, output: `${output}✗ ${name} ended with ${how}\n` }
}

function stdioOf(kept: boolean): StdioOptions {
  return kept ? ['ignore', 'pipe', 'pipe'] : 'inherit'
}

async function end(child: ChildProcess, { live, aside }: Manner): Promise<{ code: number | null; output: string }> {
  if (aside && child.pid !== undefined) setPriority(child.pid, 10)
  const said: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => said.push(chunk))
  return new Promise((resolve, reject) => {
    live.track(child)
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output: Buffer.concat(said).toString() }))
  })
}
