import { availableParallelism } from 'node:os'
import { openAudit } from '../../audit/audit-log.ts'
import { loadDriver } from '../../drivers/registry.ts'
import { GloveboxError } from '../../errors.ts'
import { defaultPolicy, type Policy } from '../../policy/policy.ts'
import { noNetwork } from '../../policy/network/words.ts'
import { resolvePlan } from '../../policy/resolve.ts'
import type { EgressRefuseFact, Recorder } from '../../protocol/facts.ts'
import { inspectHost } from '../../runtime/inspect/host.ts'
import { newSandboxId, startSandbox } from '../../runtime/sandbox.ts'
import { places } from '../../system/places.ts'
import type { ToolResult } from '../../system/run-tool.ts'
import { gatherOutput } from './gather-output.ts'
import type { Reach } from './reach.ts'

export interface InstallerCall {
  /** What the record calls it: `npm`, `pip`. */
  readonly name: string
  readonly command: readonly string[]
  readonly cwd: string
  /** All that it has of ours. */
  readonly env: Readonly<Record<string, string>>
  /** Whose places, locale and proxies hold. */
  readonly hostEnv: NodeJS.ProcessEnv
  readonly read: readonly string[]
  readonly write: readonly string[]
  readonly reach: Reach
  readonly signal: AbortSignal | undefined
  /** Of what it prints, both streams together. */
  readonly maxBytes?: number
  readonly timeMs?: number
}

/** What an installer needs more of than a server. As defaults they hold where this user has no control group, too. */
const limits = { memoryBytes: 2 * 1024 ** 3, cpus: Math.min(4, availableParallelism()), pids: 256 }

const maxPrinted = 64 * 1024 ** 2

/** A large package over a slow line takes minutes; a registry that lets a byte fall now and then would take for ever. */
const longestMs = 30 * 60_000

/**
 * Runs npm or pip in a sandbox of its own, which reaches its registries and nobody else, and writes where it installs: what
 * they read is a stranger's. No script of a package runs in it.
 * @throws GloveboxError REFUSED when it wanted to go elsewhere and failed, FAILED when it took too long or printed too much, or the abort reason
 */
export async function runInstaller(call: InstallerCall): Promise<ToolResult> {
  const { name, command, cwd, hostEnv, reach, signal } = call
  const { read, write, env } = call
  const policy: Policy = {
    ...defaultPolicy,
    filesystem: { read, write, deny: [] },
    network: { ...noNetwork, ...reach },
    env,
    limits: { timeMs: call.timeMs ?? longestMs },
    defaults: limits,
  }
  const facts = inspectHost(policy, command, hostEnv, cwd)
  const plan = resolvePlan(name, policy, facts, { env: hostEnv, terminal: false })
  const id = newSandboxId()
  const audit = openAudit({ directory: places(hostEnv).audit, sandbox: id, server: name })
  const refused: EgressRefuseFact[] = []
  const record: Recorder = (fact) => {
    if (fact.fact === 'egress-refuse') refused.push(fact)
    audit.record(fact)
  }
  try {
    const starting = signal ?? new AbortController().signal
    const driver = await loadDriver(policy.driver)
    const sandbox = await startSandbox({ id, plan, driver, record, stdio: 'pipe', env: hostEnv, signal: starting })
    const { wall, exit } = sandbox
    const stop = (): void => void wall.stop(0)
    signal?.addEventListener('abort', stop, { once: true })
    try {
      if (signal?.aborted === true) stop()
      if (wall.stdio === undefined) throw new TypeError('the driver gave no pipes')
      const { stdin, stdout, stderr } = wall.stdio
      stdin.end()
      const printed = gatherOutput({ stdout, stderr, maxBytes: call.maxBytes ?? maxPrinted, onTooMuch: stop })
      const [output, ended] = await Promise.all([printed, exit])
      signal?.throwIfAborted()
      const why = sandbox.endedBy()
      if (why !== undefined) throw new GloveboxError('FAILED', `${name} was ended: ${why}`, { fix: tooMuch })
      if (output === 'too much') throw new GloveboxError('FAILED', `${name} printed too much`, { fix: tooMuch })
      const [elsewhere] = refused
      if (ended.code !== 0 && elsewhere !== undefined) throw wentElsewhere(name, elsewhere, reach)
      return { code: ended.code, signal: null, ...output }
    } finally {
      signal?.removeEventListener('abort', stop)
      await wall.stop(0)
      await exit
    }
  } finally {
    audit.close()
  }
}

const tooMuch = 'install the package by other means, and start its program with the interpreter'

function wentElsewhere(name: string, { name: host, address, port, reason }: EgressRefuseFact, { allow }: Reach) {
  const place = `${host ?? address ?? 'an address'}:${port}`
  return new GloveboxError(
    'REFUSED',
    `${name} was sent to ${place}, and is let to ${allow.join(', ') || 'nobody'} alone: ${reason}`,
    { fix: `if the registry keeps its files there, say so: GLOVEBOX_PACKAGE_HOSTS=${place}` },
  )
}
