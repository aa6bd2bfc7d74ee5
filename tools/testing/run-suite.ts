import { spawn, type ChildProcess } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Runner } from '../../test/support/as-user.ts'
import { root } from '../checks.ts'
import type { Live } from './live.ts'
import type { NodeSuite, ProgramSuite } from './suites.ts'
import { nothing, tallyOfCargo, type Tally } from './tally.ts'

/** Runs the files of a suite, as this user or as another, and counts. */
export async function runNodeSuite(suite: NodeSuite, live: Live, runner?: Runner): Promise<Tally> {
  const directory = mkdtempSync(path.join(runner?.tmp ?? tmpdir(), 'tally-'))
  const target = path.join(directory, 'tally.json')
  const reporter = path.join(runner?.root ?? root, 'tools/testing/reporter.ts')
  const args = ['--test', `--test-reporter=${reporter}`, `--test-concurrency=${suite.concurrency}`, ...suite.files]
  try {
    const here = { cwd: root, stdio: 'inherit', env: { ...process.env, GLOVEBOX_TALLY: target } } as const
    const child = runner === undefined ? spawn(process.execPath, args, here) : asUser(runner, args, target, directory)
    const code = await end(live.track(child))
    if (!existsSync(target)) return crashed(suite.name, code)
    const tally = JSON.parse(readFileSync(target, 'utf8')) as Tally
    return code === 0 || tally.failed > 0 ? tally : crashed(suite.name, code)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** What the ordinary user's tests must know beside the runner's own environment: what is required, and how long to try. */
function asUser(runner: Runner, args: readonly string[], target: string, directory: string): ChildProcess {
  const told = Object.entries(process.env).filter(([name]) => /^(REQUIRE_|CI$|GLOVEBOX_LONG$)/.test(name))
  const env = { ...runner.env, ...Object.fromEntries(told), GLOVEBOX_TALLY: target }
  chownSync(directory, runner.uid, runner.gid)
  return runner.spawn(runner.node, args, { cwd: runner.root, stdio: 'inherit', env })
}

/** The workspace's tests, unit and integration, in one go; `--no-fail-fast` so that one failure hides no other. */
export async function runCargoSuite(cargo: string, live: Live): Promise<Tally> {
  const args = ['test', '--locked', '--workspace', '--no-fail-fast']
  const child = spawn(cargo, args, { cwd: path.join(root, 'native'), stdio: ['ignore', 'pipe', 'pipe'] })
  const said: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
  const code = await end(live.track(child))
  const output = Buffer.concat(said).toString()
  const tally = tallyOfCargo(output)
  if (code === 0) return tally
  process.stdout.write(output)
  return tally.failed > 0 ? tally : crashed('cargo test', code)
}

export async function runProgramSuite(suite: ProgramSuite, live: Live): Promise<Tally> {
  const child = spawn(process.execPath, suite.args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  const code = await end(live.track(child))
  return code === 0 ? { ...nothing, passed: 1 } : { ...nothing, failed: 1 }
}

/** A run that ended without saying how its tests went has failed, whatever it counted before. */
function crashed(name: string, code: number | null): Tally {
  process.stdout.write(`✗ ${name} ended with ${code === null ? 'a signal' : `exit code ${code}`}\n`)
  return { ...nothing, failed: 1 }
}

async function end(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
}
