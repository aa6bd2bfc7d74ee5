import { constants } from 'node:os'
import type { LimitFact, ReceiptFact, StartFact, StartFailedFact, StopFact } from '../protocol/facts.ts'
import type { Mapped, Origin } from './ocsf.ts'
import { classes, outcome, severity, status } from './ocsf.ts'
import { redactCommand, redactText } from './redact.ts'

const start = { id: 3 }
const stop = { id: 4 }

/** Said before anything is started: the request, whose end the receipt or the failure tells. */
export function startEvent(fact: StartFact, origin: Origin): Mapped {
  const degraded = fact.allowDegraded.length > 0
  return {
    class: classes.lifecycle,
    activity: start,
    severity: degraded ? severity.medium : severity.informational,
    message: degraded
      ? `asked to start, without insisting on ${fact.allowDegraded.join(', ')}`
      : `asked to start behind the ${fact.driver}`,
    code: 'start',
    fields: { status_id: status.other, status: 'Requested', app: app(origin) },
    unmapped: {
      driver: fact.driver,
      command: redactCommand(fact.command),
      plan_sha256: fact.plan,
      allow_degraded: fact.allowDegraded,
    },
  }
}

export function receiptEvent(fact: ReceiptFact, origin: Origin): Mapped {
  const missing = fact.enforcements.filter((enforcement) => !enforcement.enforced)
  return {
    class: classes.lifecycle,
    activity: start,
    severity: missing.length > 0 ? severity.medium : severity.informational,
    message:
      missing.length > 0
        ? `started; not enforced: ${missing.map((enforcement) => enforcement.control).join(', ')}`
        : `started; all ${fact.enforcements.length} controls are enforced`,
    code: 'receipt',
    fields: { status_id: status.success, app: app(origin) },
    unmapped: { pid: fact.pid, enforcements: fact.enforcements },
  }
}

export function startFailedEvent(fact: StartFailedFact, origin: Origin): Mapped {
  return {
    class: classes.lifecycle,
    activity: start,
    severity: severity.medium,
    message: 'did not start',
    code: 'start-failed',
    fields: {
      status_id: status.failure,
      status_code: fact.code,
      status_detail: redactText(fact.message),
      app: app(origin),
    },
    unmapped: {},
  }
}

export function stopEvent(fact: StopFact, origin: Origin): Mapped {
  const { exit } = fact
  const clean = exit.code === 0 || isUnneeded(fact)
  return {
    class: classes.lifecycle,
    activity: stop,
    severity: exit.outOfMemory || exit.timedOut ? severity.medium : severity.informational,
    message: `stopped: ${howItEnded(fact)}`,
    code: 'stop',
    fields: {
      status_id: clean ? status.success : status.failure,
      status_code: exit.signal === null ? `exit ${exit.code ?? 'unknown'}` : signalName(exit.signal),
      app: app(origin),
    },
    unmapped: {
      exit_code: exit.code,
      signal: exit.signal,
      out_of_memory: exit.outOfMemory,
      timed_out: exit.timedOut,
      wall_ms: exit.wallMs,
      cpu_ms: exit.cpuMs,
      peak_memory_bytes: exit.peakMemoryBytes,
      ...(fact.unneeded && { unneeded: true }),
    },
  }
}

/** A limit that was met is a finding: something inside wanted more than it was given. */
export function limitEvent(fact: LimitFact, origin: Origin): Mapped {
  return {
    class: classes.detection,
    activity: { id: 1 },
    severity: severity.medium,
    message: fact.detail,
    code: 'limit',
    fields: {
      ...outcome('denied'),
      policy: { name: `limits.${fact.limit}`, is_applied: true },
      finding_info: { uid: `limits.${fact.limit}`, title: `the limit of ${fact.limit} was met`, desc: fact.detail },
      resources: [{ uid: origin.sandbox, name: origin.server, type: 'sandbox' }],
    },
    unmapped: {},
  }
}

function app(origin: Origin): Record<string, string> {
  return { name: origin.server, uid: origin.sandbox }
}

/** Ended by us, and by no limit: how it took that is no failure. */
function isUnneeded({ exit, unneeded }: StopFact): boolean {
  return unneeded === true && !exit.outOfMemory && !exit.timedOut
}

function howItEnded(fact: StopFact): string {
  const { exit } = fact
  if (isUnneeded(fact)) return 'not needed any more'
  if (exit.outOfMemory) return 'out of memory'
  if (exit.timedOut) return 'out of time'
  if (exit.signal !== null) return signalName(exit.signal)
  return `exit code ${exit.code ?? 'unknown'}`
}

function signalName(signal: number): string {
  const found = Object.entries(constants.signals).find(([, number]) => number === signal)
  return found?.[0] ?? `signal ${signal}`
}
