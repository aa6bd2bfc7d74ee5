import { realpathSync, statSync } from 'node:fs'
import { GloveboxError, messageOf } from '../../errors.ts'
import { isWithin } from '../../policy/paths.ts'
import { formatBytes } from '../../policy/sizes.ts'
import type { Driver, SentWorkspace } from '../../drivers/driver.ts'
import type { Plan, PlanWorkspace } from '../../policy/plan.ts'
import type { Recorder } from '../../protocol/facts.ts'
import type { SyncReport } from '../../protocol/workspace.ts'
import { openDirectory, withoutDescriptors } from '../../system/directory.ts'
import { places } from '../../system/places.ts'
import { onTerminal } from '../../system/terminal.ts'
import { amountOf } from '../../ui/progress.ts'
import { renderCopiedIn } from '../../ui/workspace.ts'
import { copyIn } from './copy-in.ts'
import { finishSession } from './finish.ts'
import { excludeBy } from './leave-out.ts'
import type { TreePath } from './path.ts'
import {
  isDeclined,
  isLost,
  keepManifest,
  listSessions,
  makeSession,
  manifestOf,
  removeSession,
  takeOver,
  type Session,
} from './session.ts'

/** The copy of a workspace, for one sandbox. */
export interface OpenedWorkspace {
  /** With the copy where the original would be. */
  readonly plan: Plan
  /** Where the driver sends the copy: how. */
  readonly sent: SentWorkspace | undefined
  /** Of a sandbox that has ended: takes its changes over, as was asked for, and says what came of it. Throws nothing: the copy stays then. */
  finish(): Promise<SyncReport>
  /** Of a sandbox that was not started. What it may have done before it was stopped stays in the copy. */
  abandon(): Promise<void>
}

/**
 * Copies the workspace of a plan, after seeing to what earlier copies of it have left.
 * @throws GloveboxError, the system's error, or `signal.reason`; no copy is left then
 */
export async function openWorkspace(options: {
  readonly plan: Plan
  readonly workspace: PlanWorkspace
  readonly id: string
  readonly record: Recorder
  readonly json: boolean
  readonly signal: AbortSignal
  /** Its sandbox sees no directory of the host: the copy goes over the channel. */
  readonly send: Driver['sendsWorkspace']
}): Promise<OpenedWorkspace> {
  const { plan, workspace, id, record, signal, json, send } = options
  const choice = workspace.sync ?? (onTerminal() ? 'ask' : undefined)
  if (choice === 'ask' && !onTerminal()) {
    throw new GloveboxError('USAGE', 'workspace: there is no terminal to ask on whether changes are taken over', {
      fix: 'answer with --sync yes or --sync no, or leave it out',
    })
  }
  const end = { choice, json, record }
  await finishEarlier(workspace.source, end)
  const session = sessionFor(plan, workspace, id)
  let sent: SentWorkspace | undefined
  let notFetched: unknown
  try {
    const copied = await copyAll(session, { signal, send })
    if (send !== undefined) {
      const { sentWorkspace } = await import('./send.ts')
      sent = sentWorkspace(session, copied.manifest, (error) => (notFetched = error))
    }
    record({
      fact: 'workspace-in',
      workspace: workspace.source,
      files: copied.files,
      bytes: copied.bytes,
      leftOut: copied.leftOut.length,
    })
    process.stderr.write(renderCopiedIn(workspace.source, copied, { json, id }))
  } catch (error) {
    removeSession(session)
    throw ofThisHost(error)
  }
  return {
    plan: send !== undefined ? plan : withCopy(plan, realpathSync.native(session.files)),
    sent,
    finish: async () => finishSession(session, { ...end, notFetched }),
    async abandon() {
      // What was sent to a sandbox of which nothing came: why, the start's own error says.
      if (isLost(session)) removeSession(session)
      else await finishSession(session, { ...end, choice: 'no' })
    },
  }
}

/** What a process that was killed could not take over any more comes first: the new copy is to have it. */
async function finishEarlier(source: string, end: Parameters<typeof finishSession>[1]): Promise<void> {
  const all = places(process.env)
  for (const left of listSessions(all)) {
    const isUnused = left.owner === 'gone' && manifestOf(left) === undefined
    if (left.owner !== 'gone' || isDeclined(left) || (left.about.workspace !== source && !isUnused)) continue
    const session = takeOver(left, all, { force: false })
    // Nothing ever ran in what was not copied to its end.
    if (session !== undefined && isUnused) removeSession(session)
    else if (session !== undefined) await finishSession(session, { ...end, earlier: true })
  }
}

function sessionFor(plan: Plan, { source, exclude }: PlanWorkspace, id: string): Session {
  return makeSession(places(process.env), {
    schema: 'glovebox/workspace/1',
    id,
    server: plan.server,
    workspace: source,
    inode: statSync(source).ino,
    startedMs: Date.now(),
    exclude,
    deny: deniedIn(plan, source),
    growthBytes: plan.limits.disk.value,
  })
}

/** A denied path is one of the host, or one of the sandbox. */
function deniedIn({ deny, mounts }: Plan, source: string): TreePath[] {
  const tops = [source, ...mounts.filter(({ access }) => access === 'copy').map(({ target }) => target)]
  return deny.flatMap((path) => {
    const top = tops.find((each) => isWithin(path, each) && path !== each)
    return top === undefined ? [] : [Buffer.from(path.slice(top.length + 1)).toString('latin1')]
  })
}

async function copyAll(
  session: Session,
  { signal, send }: { readonly signal: AbortSignal; readonly send: Driver['sendsWorkspace'] },
): Promise<Awaited<ReturnType<typeof copyIn>>> {
  const { about, files } = session
  const progress = amountOf('copying the workspace', process.stderr)
  let bytes = 0
  const onBytes = (more: number): void => {
    progress.show((bytes += more))
    if (send !== undefined && bytes > send.mostBytes) throw tooLarge(about.workspace, send.mostBytes)
  }
  const host = openDirectory(about.workspace)
  const copy = openDirectory(files)
  try {
    const copied = await copyIn({
      host,
      copy,
      exclude: excludeBy(about.exclude),
      deny: new Set(about.deny),
      onBytes,
      signal,
    })
    const out = send !== undefined ? (await import('./send.ts')).withoutLinksOut(session, copied.manifest) : []
    keepManifest(session, copied.manifest)
    return { ...copied, leftOut: [...copied.leftOut, ...out] }
  } finally {
    progress.clear()
    copy.close()
    host.close()
  }
}

function tooLarge(workspace: string, most: number): GloveboxError {
  return new GloveboxError(
    'HOST_CANNOT',
    `${workspace} has more than ${formatBytes(most)}, which is all that is sent`,
    {
      fix: 'name a smaller directory, leave some of it out with workspace.exclude, or use --driver jail',
    },
  )
}

function withCopy(plan: Plan, source: string): Plan {
  return {
    ...plan,
    workspace: null,
    mounts: plan.mounts.map((mount) => (mount.access === 'copy' ? { ...mount, access: 'write', source } : mount)),
  }
}

function ofThisHost(error: unknown): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error
  const message = withoutDescriptors(messageOf(error))
  return new GloveboxError('NOT_STARTED', `the workspace cannot be copied: ${message}`, {
    cause: error,
    fix: 'see that there is room where glovebox keeps its state',
  })
}
