import type { Direction, MessageFact, RefusalFact, ServerLogFact } from '../protocol/facts.ts'
import type { Mapped, Origin } from './ocsf.ts'
import { classes, outcome, severity, severityOf } from './ocsf.ts'
import { redactText } from './redact.ts'

/** A call through the guard. MCP methods are none of API Activity's create, read, update and delete. */
export function messageEvent(fact: MessageFact, origin: Origin): Mapped {
  return {
    class: classes.api,
    activity: { id: 99, name: 'Call' },
    severity: severityOf(fact.verdict),
    message: fact.tool === undefined ? fact.method : `${fact.method} ${fact.tool}`,
    code: 'message',
    fields: {
      ...outcome(fact.verdict),
      policy: { name: fact.rule },
      api: {
        operation: fact.method,
        service: { name: origin.server, uid: origin.sandbox },
        ...(fact.id === undefined ? {} : { request: { uid: fact.id } }),
      },
      ...(fact.tool === undefined ? {} : { resources: [{ name: fact.tool, type: 'tool' }] }),
      ...ends(fact.direction, origin),
    },
    unmapped: {
      bytes: fact.bytes,
      ...(fact.argumentsSha256 === undefined ? {} : { arguments_sha256: fact.argumentsSha256 }),
    },
  }
}

/** A message that did not pass: a finding about who sent it. */
export function refusalEvent(fact: RefusalFact, origin: Origin): Mapped {
  return {
    class: classes.detection,
    activity: { id: 1 },
    severity: severity.medium,
    message: redactText(fact.detail),
    code: 'refusal',
    fields: {
      ...outcome('denied'),
      policy: { name: `guard.${fact.reason}`, is_applied: true },
      finding_info: {
        uid: `guard.${fact.reason}`,
        title: `a message from the ${sender(fact.direction)} was refused`,
        desc: redactText(fact.detail),
      },
      resources: [{ uid: origin.sandbox, name: origin.server, type: 'sandbox' }],
    },
    unmapped: { direction: fact.direction, bytes: fact.bytes },
  }
}

/** Text of the server's own. OCSF has no class for a line of a log that is not of a known kind: the base event. */
export function serverLogEvent(fact: ServerLogFact, origin: Origin): Mapped {
  return {
    class: classes.base,
    activity: { id: 99, name: 'Log' },
    severity: severity.informational,
    message: `the server wrote to ${fact.stream}`,
    code: 'server-log',
    fields: { raw_data: redactText(fact.text), actor: { app_name: origin.server, app_uid: origin.sandbox } },
    unmapped: { stream: fact.stream },
  }
}

function ends(direction: Direction, origin: Origin): Record<string, unknown> {
  const client = { name: 'client' }
  const server = { svc_name: origin.server, uid: origin.sandbox }
  return direction === 'client-to-server'
    ? { actor: { app_name: 'client' }, src_endpoint: client, dst_endpoint: server }
    : { actor: { app_name: origin.server, app_uid: origin.sandbox }, src_endpoint: server, dst_endpoint: client }
}

function sender(direction: Direction): string {
  return direction === 'client-to-server' ? 'client' : 'server'
}
