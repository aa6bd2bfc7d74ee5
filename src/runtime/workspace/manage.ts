import { rmSync } from 'node:fs'
import { openAudit } from '../../audit/audit-log.ts'
import { GloveboxError } from '../../errors.ts'
import type { SyncReport } from '../../protocol/workspace.ts'
import { places, type Places } from '../../system/places.ts'
import { onTerminal } from '../../system/terminal.ts'
import { newSandboxId } from '../sandbox.ts'
import { listBackups, type WhichBackup } from './backup.ts'
import { chooseBackup, type Chosen } from './choose-backup.ts'
import { clear } from './clear.ts'
import { finishSession } from './finish.ts'
import { outFact } from './out-fact.ts'
import { shown } from './path.ts'
import { restore, type Restored } from './restore.ts'
import { isDeclined, listSessions, removeSession, takeOver, type Session } from './session.ts'
import { previewSync, type SyncWord } from './sync.ts'

/** A copy whose changes are not taken over yet. */
export interface CopyListed {
  readonly id: string
  readonly server: string
  readonly workspace: string
  readonly startedMs: number
  /** `running`: it belongs to a sandbox that runs. `kept`: somebody said no to it. `unfinished`: its process is gone. `elsewhere`: nobody here can tell. */
  readonly state: 'running' | 'kept' | 'unfinished' | 'elsewhere'
  readonly copy: string
}

export interface BackupListed {
  readonly name: string
  readonly workspace: string
  readonly id: string
  readonly server: string
  readonly atMs: number
  readonly changes: number
  /** How much of the sandbox's was not taken over, and is there. */
  readonly kept: number
  readonly directory: string
}

export function listWorkspaces(): { copies: CopyListed[]; backups: BackupListed[] } {
  const all = places(process.env)
  return {
    copies: listSessions(all).map((session) => {
      const { about, files } = session
      return {
        id: about.id,
        server: about.server,
        workspace: about.workspace,
        startedMs: about.startedMs,
        state: stateOf(session),
        copy: files,
      }
    }),
    backups: listBackups(all).map(({ name, directory, about }) => ({
      name,
      workspace: about.workspace,
      id: about.id,
      server: about.server,
      atMs: about.atMs,
      changes: about.items.length,
      kept: about.kept.length,
      directory,
    })),
  }
}

function stateOf(session: Session): CopyListed['state'] {
  if (session.owner === 'elsewhere') return 'elsewhere'
  if (session.owner !== 'gone') return 'running'
  return isDeclined(session) ? 'kept' : 'unfinished'
}

/** What a copy has that the workspace has not, without touching either. */
export async function diffWorkspace(id: string | undefined): Promise<SyncReport> {
  return previewSync(copyOf(id, places(process.env)))
}

/**
 * Takes over what a copy has, whose process is gone.
 * @throws GloveboxError USAGE for no such copy, REFUSED for one of a sandbox that runs
 */
export async function syncWorkspace(
  id: string | undefined,
  options: { readonly choice: SyncWord | undefined; readonly json: boolean; readonly diskBytes: number | undefined },
): Promise<SyncReport> {
  const { choice = onTerminal() ? 'ask' : undefined, json, diskBytes } = options
  const session = taken(id, places(process.env))
  return recorded(session.about.server, async (record) =>
    finishSession(session, { choice, json, record, growthBytes: diskBytes, ...(json && { stream: process.stdout }) }),
  )
}

/** Throws a copy or a backup away. */
export function discardWorkspace(name: string): void {
  const all = places(process.env)
  const backup = listBackups(all).find((each) => each.name === name)
  if (backup === undefined) return removeSession(taken(name, all))
  clear(backup.directory)
  rmSync(backup.directory, { recursive: true })
}

/** What of a backup is meant, also as a person can be shown it. */
export interface BackupChosen extends Chosen {
  readonly shown: readonly string[]
}

/** @throws GloveboxError USAGE for no such backup */
export function chosenBackup(name: string | undefined, which: WhichBackup): BackupChosen {
  const chosen = chooseBackup(listBackups(places(process.env)), { name, which, cwd: process.cwd() })
  return { ...chosen, shown: chosen.paths.map(shown) }
}

/** Puts back what a sync has replaced, or takes over what it has kept aside. */
export async function restoreWorkspace(
  chosen: BackupChosen,
  which: WhichBackup,
  onBytes: (bytes: number) => void,
): Promise<Restored> {
  return recorded(chosen.backup.about.server, async (record) => {
    const restored = await restore(chosen, which, { places: places(process.env), onBytes, signal: undefined })
    record(outFact(restored.report))
    return restored
  })
}

/** With a chain of its own: that of the sandbox is at its end. */
async function recorded<T>(
  server: string,
  work: (record: ReturnType<typeof openAudit>['record']) => Promise<T>,
): Promise<T> {
  const audit = openAudit({ directory: places(process.env).audit, sandbox: newSandboxId(), server })
  try {
    return await work(audit.record)
  } finally {
    audit.close()
  }
}

/** Without an id the one that there is. */
function copyOf(id: string | undefined, all: Places): Session {
  const sessions = listSessions(all)
  const meant =
    id === undefined
      ? sessions.filter(({ owner }) => owner !== 'running')
      : sessions.filter(({ about }) => about.id === id)
  const [found] = meant
  if (found !== undefined && meant.length === 1) return found
  throw new GloveboxError(
    'USAGE',
    id === undefined
      ? meant.length === 0
        ? 'no copy of a workspace waits for anything'
        : `${meant.length} copies of workspaces wait`
      : `there is no copy of a workspace with the id "${id}"`,
    {
      fix:
        sessions.length === 0
          ? 'glovebox exec --workspace DIR makes one'
          : `name one of ${sessions.map(({ about }) => about.id).join(', ')}`,
    },
  )
}

function taken(id: string | undefined, all: Places): Session {
  const session = copyOf(id, all)
  // Whoever names it says that its process is gone, where nobody can see that.
  const own = takeOver(session, all, { force: true })
  if (own !== undefined) return own
  throw new GloveboxError('REFUSED', `the sandbox ${session.about.id} still runs, and its copy is its own`, {
    fix: 'end it first: its changes are taken over then',
  })
}
