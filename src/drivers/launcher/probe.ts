import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { GloveboxError } from '../../errors.ts'
import type { Control } from '../../protocol/controls.ts'
import { controls } from '../../protocol/controls.ts'
import type { Plan } from '../../policy/plan.ts'
import type { Driver, Evidence, Exit, Receipt, StartOptions, Support, SupportYes, Wall } from '../driver.ts'

/** A driver to be tried, with the glovebox-inside that tries it. */
export interface Candidate extends Pick<Driver, 'name' | 'start'> {
  readonly binary: string
  /** Of each sandbox. */
  readonly memoryBytes: number
}

/**
 * Starts a sandbox with the self-check program of glovebox-inside in it, which tries to do what each control forbids.
 * Twice: once as every default start would be, and once with limits that a user wrote down, which need more of the host.
 */
export async function probeDriver(candidate: Candidate, signal: AbortSignal): Promise<Support> {
  const directory = mkdtempSync(join(tmpdir(), 'glovebox-probe-'))
  const canary = join(directory, 'canary')
  writeFileSync(canary, 'a file that no sandbox may see\n', { mode: 0o644 })
  try {
    const plan = probePlan(candidate, canary)
    const { receipt, evidence } = await selfCheck(candidate, plan, signal)
    for (const [control, found] of await endings(candidate, plan, signal)) evidence.set(control, found)
    const explicit = await canKeepExplicitLimits(candidate, plan, signal)
    const enforces = receipt.enforcements
      .filter(({ control, enforced }) => enforced && evidence.get(control)?.held !== false)
      .map(({ control }) => control)
    return { ok: true, enforces, receipt, evidence, explicitLimits: explicit }
  } catch (error) {
    if (!(error instanceof GloveboxError) || error.code === 'INTERNAL') throw error
    return { ok: false, reason: error.message, fix: error.fix }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Everything that cannot be had is accepted here, because the receipt is to say what that is. */
function probePlan({ name, binary, memoryBytes }: Candidate, canary: string): Plan {
  const limit = (value: number): { value: number; explicit: boolean } => ({ value, explicit: false })
  return {
    schema: 'glovebox/plan/1',
    server: 'doctor',
    driver: name,
    command: { path: binary, argv: [binary, 'probe', canary], cwd: '/', env: { PATH: '/' } },
    mounts: [
      {
        source: binary,
        target: binary,
        access: 'read',
        exec: true,
        owner: 'user',
        why: 'self-check',
      },
    ],
    workspace: null,
    deny: [],
    exec: [binary],
    network: null,
    publish: [],
    secrets: [],
    limits: {
      memory: limit(memoryBytes),
      cpus: limit(1),
      pids: limit(64),
      disk: limit(16 * 1024 ** 2),
      openFiles: limit(1024),
      time: { value: 20_000, explicit: true },
    },
    messageBytes: 0,
    tools: { allow: [], deny: [] },
    mode: 'enforce',
    allowDegraded: controls,
  }
}

async function selfCheck(
  candidate: Candidate,
  plan: Plan,
  signal: AbortSignal,
): Promise<{ receipt: SelfCheck['receipt']; evidence: SelfCheck['evidence'] }> {
  const wall = await candidate.start(plan, quiet, signal)
  const { stdout, stderr, stdin } = wall.stdio ?? {}
  if (!stdout || !stderr || !stdin) throw new GloveboxError('INTERNAL', 'the self-check has no pipes')
  stdin.end()
  const [lines, complaint, exit] = await Promise.all([text(stdout), text(stderr), wall.exit])
  if (exit.code !== 0) {
    throw new GloveboxError(
      'NOT_STARTED',
      `the self-check in the sandbox ended with ${exit.code ?? `signal ${exit.signal}`}: ${complaint.slice(0, 500)}`,
    )
  }
  return { receipt: wall.receipt, evidence: new Map(lines.split('\n').filter(Boolean).map(parseEvidence)) }
}

/** The two controls that are held by ending the sandbox: each is tried in one of its own. */
async function endings(candidate: Candidate, plan: Plan, signal: AbortSignal): Promise<[Control, Evidence][]> {
  const { binary } = candidate
  const argvs = [
    [binary, 'probe', '--memory', String(plan.limits.memory.value * 3)],
    [binary, 'probe', '--time'],
  ]
  const [hungry, slow] = argvs.map((argv) => ({ ...plan, command: { ...plan.command, argv } }))
  if (!hungry || !slow) throw new GloveboxError('INTERNAL', 'a self-check is missing')
  const soon = { ...slow, limits: { ...slow.limits, time: { value: 100, explicit: true } } }
  const [memory, time] = [await endOf(candidate, hungry, signal), await endOf(candidate, soon, signal)]
  return [
    ['memory', { held: memory.outOfMemory, evidence: `took three times its memory: ${describeEnd(memory)}` }],
    ['time', { held: time.timedOut, evidence: `slept past its time: ${describeEnd(time)}` }],
  ]
}

function describeEnd(exit: Exit): string {
  if (exit.outOfMemory) return 'ended for it'
  if (exit.timedOut) return `ended after ${Math.round(exit.wallMs)} ms`
  return exit.signal === null ? `ended by itself with ${exit.code}` : `ended by signal ${exit.signal}`
}

interface SelfCheck {
  readonly receipt: Receipt
  readonly evidence: Map<Control, Evidence>
}

function parseEvidence(line: string): [Control, Evidence] {
  const { control, held, evidence } = JSON.parse(line) as { control: string; held: boolean; evidence: string }
  const known = controls.find((name) => name === control)
  if (known === undefined || typeof held !== 'boolean' || typeof evidence !== 'string') {
    throw new GloveboxError('INTERNAL', `the self-check said something unknown: ${line.slice(0, 200)}`)
  }
  return [known, { held, evidence }]
}

/** The receipt of the cheapest start there is. */
export function tryOutDriver(candidate: Candidate, signal: AbortSignal): Promise<Receipt> {
  const plan = probePlan(candidate, '/')
  return startAndEnd(
    candidate,
    { ...plan, command: { ...plan.command, argv: [candidate.binary, '--version'] } },
    signal,
  )
}

/** Whether a limit that the user wrote down can be kept, and if not, why and what helps. */
async function canKeepExplicitLimits(
  candidate: Candidate,
  plan: Plan,
  signal: AbortSignal,
): Promise<SupportYes['explicitLimits']> {
  const { memory, pids, cpus } = plan.limits
  const limits = {
    ...plan.limits,
    memory: { ...memory, explicit: true },
    pids: { ...pids, explicit: true },
    cpus: { ...cpus, value: 0.5, explicit: true },
  }
  const command = { ...plan.command, argv: [candidate.binary, '--version'] }
  try {
    await startAndEnd(candidate, { ...plan, command, limits, allowDegraded: [] }, signal)
    return { ok: true }
  } catch (error) {
    if (!(error instanceof GloveboxError) || error.code !== 'HOST_CANNOT') throw error
    return { ok: false, reason: error.message, fix: error.fix }
  }
}

async function startAndEnd(candidate: Candidate, plan: Plan, signal: AbortSignal): Promise<Receipt> {
  const wall = await candidate.start(plan, quiet, signal)
  await drained(wall)
  return wall.receipt
}

async function endOf(candidate: Candidate, plan: Plan, signal: AbortSignal): Promise<Exit> {
  return drained(await candidate.start(plan, quiet, signal))
}

function drained({ stdio, exit }: Wall): Promise<Exit> {
  stdio?.stdout.resume()
  stdio?.stderr.resume()
  return exit
}

/** A self-check is not the user's doing: nothing of it goes to the record. */
const quiet: StartOptions = {
  id: 'gbx-doctor',
  stdio: 'pipe',
  socket: undefined,
  egress: undefined,
  onActivity: () => undefined,
  onLimit: () => undefined,
}
