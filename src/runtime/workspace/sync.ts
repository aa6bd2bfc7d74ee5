import { statSync } from 'node:fs'
import { GloveboxError, messageOf } from '../../errors.ts'
import type { SyncReport } from '../../protocol/workspace.ts'
import { openDirectory } from '../../system/directory.ts'
import type { Places } from '../../system/places.ts'
import { leaveOutOf } from './leave-out.ts'
import type { Manifest } from './manifest.ts'
import { openMerge, type Merge } from './merge.ts'
import { emptyReport, foundReport, mergedReport } from './report.ts'
import { isLost, manifestOf, markDeclined, removeSession, takeReturned, type Session } from './session.ts'

export type SyncWord = 'ask' | 'yes' | 'no'

export interface SyncOptions {
  readonly places: Places
  /**
   * `yes`: all changes are made. `no`: none, and the copy stays. `ask`: somebody is asked. Undefined: all but those that a tool of the
   * host would run, which nobody has said yes to.
   */
  readonly choice: SyncWord | undefined
  /** Shows what would be done, and comes back with the answer. */
  readonly ask: (report: SyncReport) => Promise<boolean>
  readonly onBytes: (bytes: number) => void
  readonly signal: AbortSignal | undefined
  /** Instead of what the session was started with. */
  readonly growthBytes?: number | undefined
}

/**
 * Takes the sandbox's changes over, and removes the copy when nothing of it is missing on the host. Interrupted at any moment, the
 * copy is still there, and doing it again goes on.
 * @throws GloveboxError, or the system's error; the copy stays then
 */
export async function syncBack(session: Session, options: SyncOptions): Promise<SyncReport> {
  const { about } = session
  const original = manifestOf(session)
  if (original === undefined) {
    removeSession(session)
    return emptyReport(about, 'unchanged')
  }
  takeReturned(session)
  if (isLost(session)) {
    removeSession(session)
    return emptyReport(about, 'lost')
  }
  return withMerge(session, original, options, async (merge) => {
    const { found } = merge
    const preview = foundReport(about, found, session.files)
    if (found.changes.length === 0 && found.conflicts.length === 0) {
      removeSession(session)
      return { ...preview, state: 'unchanged', copy: null }
    }
    if (options.choice === 'no' || (options.choice === 'ask' && !(await options.ask(preview)))) {
      markDeclined(session)
      return preview
    }
    const merged = await merge.apply({ ...options, about, all: options.choice !== undefined })
    const report = mergedReport(about, found, merged, session.files)
    if (report.state === 'synced') removeSession(session)
    return report
  })
}

/** What would be done, and nothing more. */
export async function previewSync(session: Session, signal?: AbortSignal): Promise<SyncReport> {
  const original = manifestOf(session)
  if (original === undefined) return emptyReport(session.about, 'unchanged', session.files)
  return withMerge(session, original, { signal }, async ({ found }) => foundReport(session.about, found, session.files))
}

async function withMerge<T>(
  { about, files }: Session,
  original: Manifest,
  { signal, growthBytes }: Pick<SyncOptions, 'signal' | 'growthBytes'>,
  work: (merge: Merge) => Promise<T>,
): Promise<T> {
  requireSameDirectory(about)
  const host = openDirectory(about.workspace)
  try {
    const sandbox = openDirectory(files)
    try {
      const merge = await openMerge({
        original,
        host,
        sandbox,
        leaveOut: leaveOutOf(about),
        beside: `.glovebox-sync-${about.id}`,
        growthBytes: growthBytes ?? about.growthBytes,
        signal,
      })
      try {
        return await work(merge)
      } finally {
        merge.close()
      }
    } finally {
      sandbox.close()
    }
  } finally {
    host.close()
  }
}

/** What stands there now may be something else that has got its name. @throws GloveboxError FAILED */
export function requireSameDirectory({
  workspace,
  inode,
}: {
  readonly workspace: string
  readonly inode: number
}): void {
  let stat: ReturnType<typeof statSync>
  try {
    stat = statSync(workspace)
  } catch (cause) {
    throw new GloveboxError('FAILED', `${workspace}: ${messageOf(cause)}`, { cause, fix: 'put it back where it was' })
  }
  if (stat.ino === inode) return
  throw new GloveboxError('FAILED', `${workspace} is another directory than the one that was copied`, {
    fix: 'put that one back; or take what you want out of the copy by hand',
  })
}
