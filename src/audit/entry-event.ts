import type { EntryEndFact, EntryFact } from '../protocol/facts.ts'
import type { Mapped, Origin } from './ocsf.ts'
import { classes, outcome, severity, status } from './ocsf.ts'
import { redactCommand } from './redact.ts'

/** Said before the sandbox is asked for anything. */
export function entryEvent(fact: EntryFact, origin: Origin): Mapped {
  const command = redactCommand(fact.command)
  return {
    class: classes.process,
    activity: { id: 1 },
    severity: severity.informational,
    message: `${fact.kind} into ${fact.into}`,
    code: 'entry',
    fields: {
      ...outcome('recorded'),
      // 1 Spawn: a process of its own beside the sandbox's first one.
      launch_type_id: 1,
      process: { name: command[0] ?? fact.kind },
      actor: { app_name: origin.server, app_uid: fact.into },
    },
    unmapped: { sandbox: fact.into, kind: fact.kind, command },
  }
}

export function entryEndEvent(fact: EntryEndFact, origin: Origin): Mapped {
  return {
    class: classes.process,
    activity: { id: 2 },
    severity: severity.informational,
    message: `left ${fact.into}: ${fact.how}`,
    code: 'entry-end',
    fields: {
      ...outcome('recorded'),
      status_id: fact.code === 0 ? status.success : status.failure,
      status_code: `exit ${fact.code}`,
      process: { name: origin.server },
      actor: { app_name: origin.server, app_uid: fact.into },
    },
    unmapped: { sandbox: fact.into, exit_code: fact.code },
  }
}
