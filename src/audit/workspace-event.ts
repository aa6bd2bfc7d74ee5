import type { WorkspaceFact, WorkspaceInFact, WorkspaceOutFact } from '../protocol/facts.ts'
import type { Mapped, Origin } from './ocsf.ts'
import { classes, outcome, severity, status } from './ocsf.ts'

/** Files that were copied to a sandbox, and its changes to them that were made here: both are activities on a directory. */
export function workspaceEvent(fact: WorkspaceFact, origin: Origin): Mapped {
  return fact.fact === 'workspace-in' ? inEvent(fact, origin) : outEvent(fact, origin)
}

/** `type_id` of OCSF's file object. */
const folder = 2

function inEvent({ workspace, files, bytes, leftOut }: WorkspaceInFact, origin: Origin): Mapped {
  return {
    class: classes.file,
    // 2 Read
    activity: { id: 2 },
    severity: severity.informational,
    message: `copied the workspace ${workspace} in: ${files} files, ${bytes} bytes`,
    code: 'workspace-in',
    fields: { ...outcome('recorded'), ...about(workspace, origin.sandbox, origin) },
    unmapped: { files, bytes, left_out: leftOut },
  }
}

function outEvent(fact: WorkspaceOutFact, origin: Origin): Mapped {
  const { workspace, of, state, added, changed, deleted, paths, conflicts, warnings, held, failed, backup } = fact
  const isWorth =
    conflicts.length + warnings.length + held.length + failed.length > 0 || state === 'failed' || state === 'lost'
  return {
    class: classes.file,
    // 3 Update
    activity: { id: 3 },
    severity: isWorth ? severity.medium : severity.informational,
    message: `${said[state]} ${workspace}: ${added} added, ${changed} changed, ${deleted} deleted`,
    code: 'workspace-out',
    fields: {
      ...outcome('recorded'),
      status_id: state === 'failed' || state === 'lost' || state === 'partly' ? status.failure : status.success,
      ...about(workspace, of, origin),
    },
    unmapped: { state, added, changed, deleted, paths, conflicts, warnings, held, failed, backup },
  }
}

const said: Readonly<Record<WorkspaceOutFact['state'], string>> = {
  unchanged: 'nothing was changed in',
  synced: 'took the changes over into',
  partly: 'took some of the changes over into',
  kept: 'did not take the changes over into',
  failed: 'could not take the changes over into',
  lost: 'lost, with the sandbox, the changes to',
}

function about(workspace: string, sandbox: string, origin: Origin): Record<string, unknown> {
  const name = workspace.slice(workspace.lastIndexOf('/') + 1)
  return {
    file: { name, path: workspace, type_id: folder },
    actor: { app_name: origin.server, app_uid: sandbox },
  }
}
